// How each measured value is spread: kept pages upwards, removed ones downwards.
function drawShapes() {
  const idle = data.shapes.filter((one) => !one.measured);
  byId('signals-charts').append(...data.shapes.filter((one) => one.measured).map(shapeCard));
  if (idle.length) {
    byId('signals').append(el('p', { class: 'soft' },
      `Measured on no page: ${idle.map((one) => data.rules[one.rank].name).join(', ')}.`));
  }
}

function shapeCard(found) {
  const rule = data.rules[found.rank];
  const card = el('figure', { class: 'shape' });
  const chart = el('div');
  const caption = el('figcaption', {}, el('span', { class: 'rule-name' }, ...breakable(rule.name)), el('code', {}, ruleText(rule)));
  card.append(caption, chart);
  responsive(chart, (width) => shapePicture(found, rule, width), asTable(
    `${rule.name}: pages by ${rule.left}`, ['from', 'kept', 'removed'], shapeTable(found)));
  return card;
}

function shapePicture(found, rule, width) {
  const scale = scales.get(found.rank);
  const [half, foot] = [46, 20];
  const kept = merged(found.kept);
  const removed = merged(found.removed);
  const most = Math.sqrt(Math.max(...kept, ...removed, 1));
  const at = (number) => scale.place(number) * width;
  const line = at(rule.constant);
  const above = rule.op.startsWith('>');
  const parts = [shape('rect', { x: above ? line : 0, y: 0, width: above ? width - line : line, height: 2 * half, class: 'firing' })];
  for (let bar = 0; bar + 1 < found.edges.length; bar += 1) {
    const [from, to] = [at(found.edges[bar]), at(found.edges[bar + 1])];
    const thick = Math.max(to - from - 0.8, 0.8);
    const tall = (pages) => (pages ? Math.max((half - 4) * (Math.sqrt(pages) / most), 1) : 0);
    const title = `${value(found.edges[bar])} to ${value(found.edges[bar + 1])}: ${count(kept[bar])} kept, ${count(removed[bar])} removed`;
    parts.push(shape('g', {}, shape('title', {}, title),
      shape('rect', { x: from, y: half - tall(kept[bar]), width: thick, height: tall(kept[bar]), class: 'kept' }),
      shape('rect', { x: from, y: half, width: thick, height: tall(removed[bar]), class: 'removed' })));
  }
  parts.push(shape('line', { x1: 0, x2: width, y1: half, y2: half, class: 'axis' }),
    shape('line', { x1: line, x2: line, y1: 0, y2: 2 * half, class: 'threshold' }));
  const steps = width < 200 ? 2 : 4;
  ticks(scale, steps).forEach(([stop, place], index) => {
    if (stop < 0 && rule.constant >= 0) return; // room beside a threshold of 0, where no value is
    const anchor = index === 0 ? 'start' : index === steps ? 'end' : 'middle';
    parts.push(label(place * width, 2 * half + 15, short4(stop), 'tiny faint', anchor));
  });
  return picture(width, 2 * half + foot, `${rule.name}: ${count(found.measured)} pages by ${rule.left}, threshold ${value(rule.constant)}`, ...parts);
}

function short4(number) {
  return Math.abs(number) >= 10000 ? SHORT.format(number) : value(number);
}

// What lies beyond the ends belongs to the first and the last bar.
function merged(pages) {
  const inner = pages.slice(1, -1);
  if (!inner.length) return inner;
  inner[0] += pages[0];
  inner[inner.length - 1] += pages.at(-1);
  return inner;
}

function shapeTable(found) {
  const [kept, removed] = [merged(found.kept), merged(found.removed)];
  return kept.flatMap((pages, at) => (pages || removed[at]
    ? [[value(found.edges[at]), count(pages), count(removed[at])]] : []));
}
