// Pages to read, with the reason: filtered by outcome, language, site and words.
const PAGE_OF = 12;
const exampleAt = new Map(data.examples.map((example) => [example.at, example]));
const wanted = { outcome: '', language: '', site: '', words: '' };
let shownExamples = PAGE_OF;

function outcomeOf(example) {
  const [status, stage, rule] = data.sample.outcomes[sample.outcome[example.at]];
  return status === 'kept' ? 'kept' : `${stage}: ${rule}`;
}

function drawExamples() {
  const without = data.examples.filter((example) => example.text === null).length;
  byId('examples-lead').append(`${count(data.examples.length)} pages, as evenly by outcome as there are any, with the start of their text as it was extracted.`
    + ' What made the number is marked; where what is missing tells more, that is.'
    + (without ? ` ${count(without)} are here without text: none was extracted, the recipe keeps none of theirs (keep_text: ${data.run.keep_text}), or the report is full.` : ''));
  byId('filters').append(
    chosen('outcome', 'Outcome', 'every outcome', tally(outcomeOf)),
    chosen('language', 'Language', 'every language', tally((example) => example.language), languageNames()),
    typed('site', 'Site', 'example.org'), typed('words', 'Words in text or address', 'any words'));
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  byId('examples-more').addEventListener('click', () => { shownExamples += PAGE_OF; showExamples(); });
  showExamples();
}

function tally(key) {
  const found = new Map();
  for (const example of data.examples) found.set(key(example), (found.get(key(example)) || 0) + 1);
  return [...found].sort(([one, many], [other, more]) => more - many || one.localeCompare(other));
}

function languageNames() {
  return new Map(data.languages.filter((row) => row.name).map((row) => [row.label, `${row.name} · ${row.label}`]));
}

function chosen(key, name, every, options, names = new Map()) {
  const select = el('select', { id: `filter-${key}`, onchange: () => filterBy(key, select.value) },
    el('option', { value: '' }, every),
    ...options.map(([option, pages]) => el('option', { value: option }, `${names.get(option) || option} (${pages})`)));
  return el('label', {}, el('span', {}, name), select);
}

function typed(key, name, placeholder) {
  const input = el('input', { type: 'search', id: `filter-${key}`, placeholder, autocomplete: 'off',
    oninput: () => filterBy(key, input.value.trim().toLowerCase()) });
  return el('label', {}, el('span', {}, name), input);
}

function filterBy(key, text) {
  wanted[key] = text;
  shownExamples = PAGE_OF;
  showExamples();
}

function fits(example) {
  if (wanted.outcome && outcomeOf(example) !== wanted.outcome) return false;
  if (wanted.language && example.language !== wanted.language) return false;
  if (wanted.site && !example.host.toLowerCase().includes(wanted.site)) return false;
  if (!wanted.words) return true;
  const text = `${data.sample.urls[example.at]}\n${example.text || ''}`.toLowerCase();
  return wanted.words.split(/\s+/).every((word) => text.includes(word));
}

function showExamples() {
  const found = data.examples.filter(fits);
  const shown = found.slice(0, shownExamples);
  byId('examples-count').textContent = `${count(found.length)} of ${count(data.examples.length)} pages`;
  byId('examples-list').replaceChildren(...shown.map(exampleCard));
  byId('examples-more').hidden = shown.length === found.length;
}

function exampleCard(example) {
  const [status, stage, rule] = data.sample.outcomes[sample.outcome[example.at]];
  const tag = status === 'kept' ? 'Kept' : `${status === 'failed' ? 'Failed' : 'Removed'}: ${rule}`;
  const facts = [example.language, `${count(sample.tokens[example.at])} tokens`,
    example.chars === null ? null : `${count(example.chars)} characters`].filter(Boolean).join(' · ');
  return el('article', { class: 'example' },
    el('header', {}, el('span', { class: `tag ${status}` }, tag), reason(example, stage, rule),
      el('bdi', { class: 'url' }, data.sample.urls[example.at] || 'without an address'), el('span', { class: 'soft facts' }, facts)),
    textOf(example));
}

// The comparison that decided, with the page's number in it.
function reason(example, stage, rule) {
  const rank = data.rules.findIndex((one) => one.stage === stage && one.name === rule);
  if (rank < 0) return null;
  const { left, op, constant } = { ...data.rules[rank], ...example.own };
  const shown = example.own ? value(example.own.value) : valueAt(rank, example.at);
  return el('code', { class: 'reason' }, `${left} = `, el('b', {}, shown), ` ${op} ${value(constant)}`);
}

function textOf(example) {
  if (example.text === null) return el('p', { class: 'soft' }, 'No text is held for this page.');
  const text = el('p', { class: 'page-text', dir: 'auto', lang: example.lang }, ...marked(example.text, example.marks || []));
  if (example.chars > example.text.length) text.append(el('span', { class: 'soft' }, ' […]'));
  if (example.text.length < 420 && example.text.split('\n').length < 8) return text;
  const more = el('button', { type: 'button', class: 'quiet small', 'aria-expanded': 'false', onclick: () => {
    const open = text.classList.toggle('whole');
    more.setAttribute('aria-expanded', String(open));
    more.textContent = open ? 'Less' : 'More of it';
  } }, 'More of it');
  return el('div', {}, text, more);
}

// Text with what made the number marked, and the words that are looked for.
function marked(text, spans) {
  const found = spans.map(([start, end]) => [start, end, 'evidence']);
  const lower = text.toLowerCase(); // of another length in a few scripts: then nothing is marked
  for (const word of wanted.words && lower.length === text.length ? wanted.words.split(/\s+/) : []) {
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
      found.push([at, at + word.length, 'hit']);
    }
  }
  found.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
  const parts = [];
  let done = 0;
  for (const [start, end, kind] of found) {
    if (start < done) continue;
    parts.push(text.slice(done, start), el('mark', { class: kind }, text.slice(start, end)));
    done = end;
  }
  return [...parts, text.slice(done)];
}
