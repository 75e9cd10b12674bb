// Bars, before and after: sites, dates, clusters, cost.
const BEFORE_HEAD = ['', 'pages', 'kept', 'share', 'tokens', 'tokens kept'];

function drawBreakdown(name, what) {
  const rows = data[name];
  const shown = rows.map(([key, pages, kept, tokens, keptTokens]) =>
    [key === null ? `other ${what}` : key, count(pages), count(kept), share(kept, pages), count(tokens), count(keptTokens)]);
  responsive(byId(`${name}-chart`), (width) => pairPicture(rows, width, what),
    asTable(`Pages by ${what}, before and after`, BEFORE_HEAD, shown));
}

// A name that fits into so many pixels.
function fitted(name, room) {
  const letters = Math.floor(room / (room < 140 ? 6.7 : 7.4));
  return name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
}

function pairPicture(rows, width, what) {
  const narrow = width < 620;
  const names = narrow ? 124 : 210;
  const room = width - names - (narrow ? 62 : 170);
  const most = Math.max(...rows.map((row) => (row[0] === null ? 0 : row[1])), 1);
  const step = 25;
  const parts = rows.flatMap(([key, pages, kept], at) => {
    const y = at * step;
    const name = key === null ? `other ${what}` : key;
    const long = (amount) => (key === null ? -8 : (room * amount) / most);
    const told = narrow ? share(kept, pages) : `${short(kept)} of ${short(pages)}`;
    const bars = key === null ? null : shape('g', {}, shape('title', {}, `${name}: ${count(kept)} of ${count(pages)} pages kept`),
      shape('rect', { x: names, y: y + 5, width: Math.max(long(pages), 1), height: 15, class: 'removed' }),
      shape('rect', { x: names, y: y + 5, width: long(kept), height: 15, class: 'kept' }));
    return [label(names - 12, y + 17, fitted(name, names - 12), key === null ? 'name faint' : 'name', 'end'), bars,
      label(names + long(pages) + 8, y + 17, told, 'figure faint')];
  });
  return picture(width, rows.length * step + 4, `Pages by ${what}: all and kept`, ...parts);
}

function drawDates() {
  const what = data.period;
  const rows = data.dates;
  const shown = rows.map(([key, pages, kept, tokens, keptTokens]) =>
    [key, count(pages), count(kept), share(kept, pages), count(tokens), count(keptTokens)]);
  const draw = (width) => (rows.length <= 12 ? pairPicture(rows, width, what) : columnsPicture(rows, width));
  responsive(byId('dates-chart'), draw, asTable(`Pages by ${what} of the crawl`, [what, ...BEFORE_HEAD.slice(1)], shown));
}

function columnsPicture(rows, width) {
  const most = Math.max(...rows.map((row) => row[1]), 1);
  const [high, foot] = [150, 22];
  const step = width / rows.length;
  const parts = rows.map(([key, pages, kept], at) => {
    const tall = (amount) => (high * amount) / most;
    return shape('g', {}, shape('title', {}, `${key}: ${count(kept)} of ${count(pages)} pages kept`),
      shape('rect', { x: at * step + 0.5, y: high - tall(pages), width: Math.max(step - 1, 0.5), height: tall(pages), class: 'removed' }),
      shape('rect', { x: at * step + 0.5, y: high - tall(kept), width: Math.max(step - 1, 0.5), height: tall(kept), class: 'kept' }));
  });
  return picture(width, high + foot, 'Pages by date of the crawl: all and kept', ...parts,
    label(0, high + 16, rows[0][0], 'tiny faint'), label(width, high + 16, rows.at(-1)[0], 'tiny faint', 'end'));
}

function drawClusters() {
  const box = byId('clusters-charts');
  const found = data.run.clusters || [];
  if (!found.length) {
    box.append(el('p', { class: 'soft' }, data.run.finished ? 'No page repeats another.' : 'Near-duplicates are looked for at the end of a run.'));
  }
  for (const kind of found) {
    const figure = el('figure');
    const rows = kind.sizes.map(([low, clusters]) => [low === 2 ? '2–3 pages' : `${count(low)}–${count(2 * low - 1)} pages`, clusters]);
    box.append(el('h3', {}, kind.kind), el('p', { class: 'soft' },
      `${count(kind.clusters)} clusters with ${count(kind.pages)} pages; the largest has ${count(kind.largest)}.`), figure);
    responsive(figure, (width) => barPicture(rows, width, `${kind.kind}: clusters by size`, count),
      asTable(`${kind.kind}: clusters by size`, ['pages in a cluster', 'clusters'], rows.map(([name, pages]) => [name, count(pages)])));
  }
}

function drawCost() {
  const found = (data.run.cost || []).filter(([, spent]) => spent > 0);
  if (!found.length) {
    byId('cost-lead').append('Told when the run has finished.');
    return;
  }
  const all = found.reduce((sum, [, spent]) => sum + spent, 0);
  const small = found.filter(([, spent]) => spent < 0.005 * all);
  const rows = found.filter(([, spent]) => spent >= 0.005 * all);
  if (small.length) rows.push([`${small.length} small steps`, small.reduce((sum, [, spent]) => sum + spent, 0)]);
  byId('cost-lead').append(`${seconds(all)} of CPU time for ${count(data.totals.pages)} pages, `
    + `${((1000 * all) / Math.max(data.totals.pages, 1)).toFixed(1)} ms a page.`);
  responsive(byId('cost-chart'), (width) => barPicture(rows, width, 'CPU time by step', seconds, all),
    asTable('CPU time by step', ['step', 'CPU time', 'share'], found.map(([name, spent]) => [name, seconds(spent), share(spent, all)])));
}

function barPicture(rows, width, title, told, all) {
  const names = width < 620 ? 124 : 210;
  const room = width - names - 120;
  const most = Math.max(...rows.map((row) => row[1]), 1e-9);
  const step = 25;
  const parts = rows.flatMap(([name, amount], at) => [
    label(names - 12, at * step + 17, fitted(name, names - 12), 'name', 'end'),
    shape('rect', { x: names, y: at * step + 5, width: Math.max((room * amount) / most, 1), height: 15, class: 'kept' }),
    label(names + (room * amount) / most + 8, at * step + 17, told(amount) + (all ? ` · ${share(amount, all)}` : ''), 'figure faint')]);
  return picture(width, rows.length * step + 4, title, ...parts);
}
