// The pages that other thresholds would keep or lose, beside the sliders.
const SHOWN = 8;
const lists = {};

function changedBox() {
  const columns = [['gained', 'Gained'], ['lost', 'Lost']].map(([key, name]) => {
    lists[key] = { count: el('span', { class: 'soft' }), list: el('ul'), shown: '' };
    return el('div', { class: key }, el('h3', {}, name, ' ', lists[key].count), lists[key].list);
  });
  return el('div', { class: 'changed' }, ...columns);
}

function updateChanged() {
  const found = { gained: [], lost: [] };
  for (let page = 0; page < sample.size; page += 1) {
    const [was, is] = [before.ends[page], now.ends[page]];
    if (was === is) continue;
    if (is === KEPT) found.gained.push(page);
    else if (was === KEPT) found.lost.push(page);
  }
  for (const [key, pages] of Object.entries(found)) showList(lists[key], pages, key);
}

function showList(box, pages, key) {
  let weight = 0;
  for (const page of pages) weight += sample.weight[page];
  const texted = pages.filter((page) => exampleAt.has(page));
  const first = [...texted, ...pages.filter((page) => !exampleAt.has(page))].slice(0, SHOWN);
  box.count.textContent = pagesOf(weight);
  const shown = JSON.stringify([pages.length, first, first.map((page) => reasonOf(page, key))]);
  if (shown === box.shown) return;
  box.shown = shown;
  box.list.replaceChildren(...first.map((page) => changedItem(page, key)));
  if (pages.length > first.length) {
    box.list.append(el('li', { class: 'soft' }, `and ${count(pages.length - first.length)} more in the sample`));
  } else if (!pages.length) box.list.append(el('li', { class: 'soft' }, key === 'gained' ? 'No page comes back.' : 'No page is lost.'));
}

// Which rule's answer makes the difference for a page, in numbers.
function reasonOf(page, key) {
  const rank = key === 'gained' ? before.ends[page] : now.ends[page];
  if (rank >= data.rules.length) return '';
  return `${data.rules[rank].name}: ${valueAt(rank, page)}`;
}

function valueAt(rank, page) {
  const { places, values } = sample.columns[rank];
  if (places[page] === MISSING) return 'not measured';
  if (data.rules[rank].shown) return values[places[page]] ? 'fires' : 'passes'; // by its language
  return value(values[places[page]]);
}

function changedItem(page, key) {
  const head = [el('bdi', { class: 'url' }, data.sample.urls[page] || 'without an address'),
    el('span', { class: 'soft' }, `${reasonOf(page, key)} · ${count(sample.tokens[page])} tokens`)];
  const example = exampleAt.get(page);
  if (!example || !example.text) return el('li', {}, ...head);
  const text = el('p', { class: 'page-text', dir: 'auto' });
  const details = el('details', { ontoggle: () => { text.textContent = example.text; } },
    el('summary', {}, ...head), text);
  return el('li', {}, details);
}
