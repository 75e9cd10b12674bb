// Languages: what went in, what came out, and which rules removed most of the rest.
const FIRST_LANGUAGES = 20;
const LANGUAGE_HEAD = ['Language', '', 'Went in', 'Kept', 'Share', 'Tokens kept', 'Removed most by'];

function drawLanguages() {
  const named = data.languages.filter((row) => row.label !== null);
  const rest = data.languages.filter((row) => row.label === null);
  const most = Math.max(...named.map((row) => row.pages), 1);
  const first = named.slice(0, FIRST_LANGUAGES);
  const more = named.slice(FIRST_LANGUAGES);
  const box = byId('languages-chart');
  box.append(languageTable('Pages by language', [...first, ...(more.length ? [] : rest)], most));
  if (!more.length) return;
  const details = el('details', { class: 'more' }, el('summary', {}, `${count(more.length)} more languages`));
  const build = () => {
    if (!details.querySelector('table')) details.append(languageTable('More languages', [...more, ...rest], most));
  };
  details.addEventListener('toggle', build);
  window.addEventListener('beforeprint', build);
  box.append(details);
}

function languageTable(caption, rows, most) {
  const head = LANGUAGE_HEAD.map((name, at) => el('th', { scope: 'col', class: at > 1 && at < 6 ? 'number' : null }, name));
  const whole = el('table', { class: 'languages' }, el('caption', { class: 'unseen' }, caption),
    el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...rows.map((row) => languageRow(row, most))));
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, whole);
}

function languageRow(row, most) {
  const number = (text) => el('td', { class: 'number' }, text);
  return el('tr', {},
    el('th', { scope: 'row' }, ...languageName(row)),
    el('td', {}, row.label === null ? null : languageBar(row, most)), number(count(row.pages)), number(count(row.kept)),
    number(share(row.kept, row.pages)), number(short(row.kept_tokens)),
    el('td', { class: 'removers' }, ...row.removed.map(([rule, pages]) =>
      el('span', {}, ...breakable(rule), el('b', {}, share(pages, row.pages))))));
}

function languageName(row) {
  if (row.label === null) return ['all others'];
  if (row.label === '') return ['not known'];
  if (row.name === null) return [row.label];
  const label = row.code === row.label ? null : el('span', {}, ` · ${row.label}`);
  return [el('span', { class: 'rule-name' }, row.name), el('code', {}, row.code, label)];
}

function languageBar(row, most) {
  const bar = el('span', { class: 'meter', 'aria-hidden': 'true' }, el('span', {}, el('i')));
  bar.firstChild.style.width = `${(100 * row.pages) / most}%`;
  bar.firstChild.firstChild.style.width = `${(100 * row.kept) / Math.max(row.pages, 1)}%`;
  return bar;
}
