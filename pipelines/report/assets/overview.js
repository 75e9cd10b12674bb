// The top: what went in, what came out, and at which stage the rest left.
const STAGES = {
  read: 'Reading', takedown: 'On request', url: 'Address', optout: 'Opt-outs', extract: 'Extraction', language: 'Language',
  quality: 'Quality', dedup: 'Duplicates', final: 'After duplicates',
};

function gone(row) {
  return row.removed_pages + row.failed_pages;
}

function drawOverview() {
  const { run, totals } = data;
  byId('recipe').append(run.recipe);
  document.title = `${run.recipe}: ${count(totals.kept)} of ${count(totals.pages)} pages kept`;
  byId('headline').append(
    el('strong', {}, count(totals.pages)), ' pages went in, ', el('br'),
    el('strong', { class: 'kept' }, count(totals.kept)), ' came out.');
  byId('notes').append(...run.notes.map((note) => el('p', { class: 'note' }, note)));
  byId('figures').append(...figures().map(([name, figure, more]) =>
    el('div', {}, el('dt', {}, name), el('dd', {}, figure), el('dd', { class: 'soft' }, more))));
  drawStages(byId('stages'));
  byId('about').append(aboutText());
}

function figures() {
  const { run, totals } = data;
  const found = [
    ['Pages kept', share(totals.kept, totals.pages), `${count(totals.pages - totals.kept)} left out`],
    ['Tokens kept', short(totals.kept_tokens),
      totals.tokens ? `${share(totals.kept_tokens, totals.tokens)} of ${short(totals.tokens)}` : 'not counted'],
    ['Hosts', short(totals.sites), `${short(totals.audited)} pages audited`],
  ];
  if (run.text_bytes !== null) {
    found.push(['Text', bytes(run.text_bytes), run.input_bytes ? `from ${bytes(run.input_bytes)}` : '']);
  }
  return found;
}

function stageSums() {
  const sums = new Map();
  for (const row of data.impact) sums.set(row.stage, (sums.get(row.stage) || 0) + gone(row));
  return [...sums].filter(([, pages]) => pages > 0);
}

function drawStages(figure) {
  const parts = [['kept', data.totals.kept], ...stageSums().reverse()];
  const all = data.totals.pages;
  const bar = el('div', { class: 'stack', role: 'img', 'aria-label': 'Pages by the stage at which they left' });
  const key = el('ul', { class: 'key' });
  for (const [stage, pages] of parts) {
    const part = el('span', { class: stage === 'kept' ? 'kept' : 'gone' });
    part.style.flexGrow = pages;
    bar.append(part);
    key.append(el('li', { class: stage === 'kept' ? 'kept' : 'gone' },
      el('span', {}, stage === 'kept' ? 'Kept' : STAGES[stage] || stage), el('b', {}, short(pages)),
      el('span', { class: 'soft' }, share(pages, all))));
  }
  figure.append(bar, key);
}

function aboutText() {
  const { run } = data;
  const made = run.version ? `Made by cuvee ${run.version} with recipe ${run.recipe}` : `Recipe ${run.recipe}`;
  const digest = run.digest ? `, digest ${run.digest.slice(0, 12)}` : '';
  return `${made}${digest}. This file holds everything that it shows and asks nobody for anything.`;
}
