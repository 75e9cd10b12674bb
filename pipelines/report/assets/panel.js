// The what-if panel: a slider for each threshold, and what follows from them.
const verdict = {};
const rows = [];
let waiting = false;
let saying = 0;

function drawPanel() {
  const exact = sample.weight.slice(0, data.sample.drawn).every((weight) => weight === 1)
    && data.sample.drawn === data.totals.pages;
  byId('whatif-basis').append(exact
    ? `Drag a threshold: all ${count(data.totals.pages)} pages of the run are decided again while you drag.`
    : `Drag a threshold: ${count(data.sample.drawn)} sampled pages are decided again while you drag, and stand for all ${count(data.totals.pages)}. The command counts exactly.`);
  byId('whatif-limits').append(...limits().map((text) => el('li', {}, text)));
  const groups = new Map();
  data.rules.forEach((rule, rank) => {
    const key = `${rule.stage}.${rule.block}`;
    if (!groups.has(key)) groups.set(key, { stage: rule.stage, ranks: [] });
    groups.get(key).ranks.push(rank);
  });
  byId('panel').append(verdictBox(),
    el('div', { class: 'all-sliders', role: 'group', 'aria-label': 'Thresholds' }, ...[...groups.values()].map(groupBox)), changedBox());
  update();
}

function limits() {
  const { run, totals } = data;
  const found = [
    'Near-duplicates are not looked for again: a page that comes back counts as kept, a page that was removed as a near-duplicate stays removed.',
    'A page that left early was not measured to the end. It is “undecided” here where a rule needs a value that nobody measured; '
      + `audited pages (${share(totals.audited, totals.pages)} of all) were measured to the end, whatever became of them, and in a sample stand for the others.`,
    'Edits of the text, the tokenizer and the extraction are as in the run. Another setting of those needs another run, which measures only what is new.',
  ];
  if (!run.finished) found.push('The run has not finished: these are the pages that are done so far.');
  return found;
}

function verdictBox() {
  verdict.pages = el('output', { class: 'big', 'aria-live': 'off' });
  verdict.tokens = el('output', { class: 'big', 'aria-live': 'off' });
  verdict.unknown = el('output', { class: 'big', 'aria-live': 'off' });
  verdict.pagesNote = el('span', { class: 'soft' });
  verdict.tokensNote = el('span', { class: 'soft' });
  verdict.unknownNote = el('span', { class: 'soft' });
  verdict.bar = el('div', { class: 'verdict-bar', 'aria-hidden': 'true' },
    el('span', { class: 'was' }), el('span', { class: 'is' }));
  verdict.command = el('code', { id: 'command' });
  verdict.copy = el('button', { type: 'button', onclick: copyCommand }, 'Copy as --set');
  verdict.reset = el('button', { type: 'button', class: 'quiet', onclick: resetAll, disabled: true }, 'Reset');
  return el('div', { class: 'verdict', role: 'group', 'aria-label': 'What follows' },
    el('div', { class: 'verdict-figures' },
      figureBox('Pages kept', verdict.pages, verdict.pagesNote),
      figureBox('Tokens kept', verdict.tokens, verdict.tokensNote),
      figureBox('Undecided', verdict.unknown, verdict.unknownNote)),
    verdict.bar,
    el('div', { class: 'command' }, verdict.command, verdict.copy, verdict.reset));
}

function figureBox(name, figure, note) {
  return el('div', {}, el('span', { class: 'name' }, name), figure, note);
}

function groupBox({ stage, ranks }) {
  return el('fieldset', { class: 'sliders' }, el('legend', {}, STAGES[stage] || stage), ...ranks.map(sliderRow));
}

function sliderRow(rank) {
  const rule = data.rules[rank];
  const scale = scales.get(rank);
  const row = { rank, rule, scale };
  rows[rank] = row;
  const id = `rule-${rank}`;
  row.on = el('input', { type: 'checkbox', checked: true, id, onchange: () => { now.on[rank] = row.on.checked; changed(row); } });
  row.removed = el('output', { class: 'number', 'aria-live': 'off' });
  const name = el('label', { for: id, class: 'rule-name' }, ...breakable(rule.name));
  const head = el('div', { class: 'slider-name' }, row.on, el('div', {}, name, el('code', {}, rule.shown ? rule.left : `${rule.left} ${rule.op}`)));
  row.box = el('div', { class: 'slider' }, head);
  if (scale) row.box.append(trackOf(row), numberOf(row));
  else row.box.append(el('code', { class: 'fixed' }, rule.shown || value(rule.constant)));
  row.box.append(row.removed);
  return row.box;
}

function trackOf(row) {
  const { scale, rule, rank } = row;
  row.slider = el('input', { type: 'range', min: 0, max: scale.last, step: 1, 'aria-label': `${rule.name}: threshold`,
    oninput: () => setThreshold(row, scale.stops[Number(row.slider.value)]) });
  row.slider.value = scale.nearest(rule.constant);
  row.bars = [];
  const spark = shape('svg', { viewBox: '0 0 200 26', preserveAspectRatio: 'none', class: 'spark', 'aria-hidden': 'true' });
  const found = data.shapes.find((one) => one.rank === rank);
  for (const bar of found ? barsOf(found, scale) : []) {
    const height = 25 * bar.height;
    const rect = shape('rect', { x: bar.from * 200 + 0.3, y: 26 - height, width: Math.max((bar.to - bar.from) * 200 - 0.6, 0.6), height });
    row.bars.push([rect, bar.middle]);
    spark.append(rect);
  }
  const mark = shape('line', { x1: scale.place(rule.constant) * 200, x2: scale.place(rule.constant) * 200, y1: 0, y2: 26, class: 'recipe' });
  spark.append(mark);
  return el('div', { class: 'track' }, spark, row.slider);
}

// Bars of pages by value, all of them, with places from 0 to 1 and a value inside each.
function barsOf(found, scale) {
  const pages = found.kept.map((kept, at) => kept + found.removed[at]);
  const most = Math.sqrt(Math.max(...pages, 1));
  const bars = [];
  for (let at = 0; at + 1 < found.edges.length; at += 1) {
    const [from, to] = [found.edges[at], found.edges[at + 1]];
    let all = pages[at + 1];
    if (at === 0) all += pages[0];
    if (at + 2 === found.edges.length) all += pages[at + 2];
    bars.push({ from: scale.place(from), to: scale.place(to), middle: (from + to) / 2,
      height: Math.min(Math.sqrt(all) / most, 1) });
  }
  return bars;
}

function numberOf(row) {
  row.number = el('input', { type: 'text', inputmode: 'decimal', size: 7, 'aria-label': `${row.rule.name}: threshold, exactly`,
    onchange: () => {
      const typed = Number(row.number.value.trim());
      if (row.number.value.trim() === '' || !Number.isFinite(typed)) row.number.value = plain(now.constants[row.rank]);
      else {
        row.slider.value = row.scale.nearest(typed);
        setThreshold(row, typed);
      }
    } });
  return row.number;
}

// A number as the command line reads it: never with an exponent.
function plain(number) {
  const text = String(number);
  return text.includes('e') ? number.toFixed(12).replace(/\.?0+$/, '') : text;
}

function setThreshold(row, number) {
  now.constants[row.rank] = number;
  answer(sample, row.rank, number, now.answers[row.rank]);
  changed(row);
}

function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; decideAgain(); update(); });
}

function update() {
  const { totals } = data;
  const pages = totals.kept + now.sums.kept - before.sums.kept;
  const tokens = totals.kept_tokens + now.sums.tokens - before.sums.tokens;
  const unknown = now.sums.unknown - before.sums.unknown;
  verdict.pages.textContent = count(pages);
  verdict.pagesNote.textContent = `${share(pages, totals.pages)}, ${signed(pages - totals.kept)}`;
  verdict.tokens.textContent = count(tokens);
  verdict.tokensNote.textContent = `${share(tokens, totals.tokens)}, ${signed(tokens - totals.kept_tokens)}`;
  verdict.unknown.textContent = count(unknown);
  verdict.unknownNote.textContent = unknown > 0.5 ? undecidedNote() : 'pages';
  const [was, is] = verdict.bar.children;
  was.style.width = `${(100 * totals.kept) / Math.max(totals.pages, 1)}%`;
  is.style.width = `${(100 * pages) / Math.max(totals.pages, 1)}%`;
  rows.forEach(updateRow);
  const written = command();
  verdict.command.textContent = written;
  verdict.reset.disabled = !changes().length;
  updateChanged();
  clearTimeout(saying);
  if (changes().length) {
    saying = setTimeout(() => {
      byId('said').textContent = `${count(pages)} pages kept, ${signed(pages - totals.kept)}; ${count(tokens)} tokens.`;
    }, 500);
  }
}

function undecidedNote() {
  const { seen, passing } = judged();
  if (!seen) return 'later rules were not measured';
  return `of ${count(seen)} audited like them ${share(passing, seen)} pass`;
}

function updateRow(row) {
  const { rank, rule } = row;
  const on = now.on[rank];
  const threshold = now.constants[rank];
  const [was, is] = [before.sums.removed[rank], now.sums.removed[rank]];
  const same = Math.round(was) === Math.round(is);
  row.removed.textContent = same ? short(is) : `${short(was)} → ${short(is)}`;
  row.removed.classList.toggle('moved', !same);
  row.box.classList.toggle('off', !on);
  row.box.classList.toggle('set', on && threshold !== rule.constant);
  if (!row.scale) return;
  row.slider.setAttribute('aria-valuetext', value(threshold));
  if (document.activeElement !== row.number) row.number.value = plain(threshold);
  const fires = FIRES[rule.op];
  for (const [rect, middle] of row.bars) rect.classList.toggle('fires', on && fires(middle, threshold));
}

function changes() {
  return data.rules.flatMap((rule, rank) => {
    if (!now.on[rank]) return [`--drop ${rule.name}`];
    return now.constants[rank] === rule.constant ? [] : [`--set ${rule.name}=${plain(now.constants[rank])}`];
  });
}

function command() {
  const folder = data.run.folder;
  const safe = /^[\w@%+=:,./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", `'"'"'`)}'`;
  return ['cuvee whatif', safe, ...changes()].join(' ');
}

async function copyCommand() {
  const said = (text) => { verdict.copy.textContent = text; setTimeout(() => { verdict.copy.textContent = 'Copy as --set'; }, 1600); };
  try {
    await navigator.clipboard.writeText(command());
    said('Copied');
  } catch {
    getSelection().selectAllChildren(verdict.command); // not allowed from a file: ready for Ctrl-C
    said('Selected: Ctrl-C');
  }
}

function resetAll() {
  now.constants.forEach((constant, rank) => {
    const row = rows[rank];
    now.on[rank] = true;
    row.on.checked = true;
    if (constant === recipe.constants[rank]) return;
    now.constants[rank] = recipe.constants[rank];
    answer(sample, rank, recipe.constants[rank], now.answers[rank]);
    row.slider.value = row.scale.nearest(recipe.constants[rank]);
  });
  changed();
}
