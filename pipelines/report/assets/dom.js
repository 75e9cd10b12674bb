// Elements. Text from the crawl is only ever set as text: nothing here reads markup.
const SVG = 'http://www.w3.org/2000/svg';

function fill(node, properties, children) {
  for (const [name, setting] of Object.entries(properties)) {
    if (setting === false || setting === null || setting === undefined) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), setting);
    else node.setAttribute(name, setting === true ? '' : setting);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function el(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

function shape(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function label(x, y, text, kind = '', anchor = 'start') {
  return shape('text', { x, y, class: kind, 'text-anchor': anchor }, text);
}

// A rule's name, which may be broken after its underscores.
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, at) => (at ? [el('wbr'), part] : [part]));
}

function byId(id) {
  return document.getElementById(id);
}

function picture(width, height, title, ...children) {
  const box = { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title };
  return shape('svg', box, ...children);
}

function cell(content, column, kind) {
  const numeric = column > 0 && (typeof content === 'string' && /^[-+−±≈]?[\d.–]/.test(content));
  return el(kind, { class: numeric ? 'number' : null, scope: kind === 'th' ? 'row' : null }, content);
}

function table(caption, head, rows) {
  const top = head.map((name, at) => el('th', { scope: 'col', class: at ? 'number' : null }, name));
  const body = rows.map((row) =>
    el('tr', {}, ...row.map((content, at) => cell(content, at, at ? 'td' : 'th'))));
  return el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, ...top)), el('tbody', {}, ...body));
}

// The same figures in words and numbers, for whoever does not see the picture.
function asTable(caption, head, rows) {
  const wrap = el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption });
  const details = el('details', { class: 'as-table' }, el('summary', {}, 'As a table'), wrap);
  const build = () => { if (!wrap.firstChild) wrap.append(table(caption, head, rows)); };
  details.addEventListener('toggle', build);
  window.addEventListener('beforeprint', build);
  return details;
}

// Draws again whenever the room for a picture has become wider or narrower.
function responsive(figure, draw, after) {
  const room = el('div', { class: 'room' });
  figure.replaceChildren(...[room, after].filter(Boolean));
  let width = 0;
  const again = () => {
    const now = Math.floor(room.clientWidth);
    if (!now || now === width) return;
    width = now;
    room.replaceChildren(draw(width));
  };
  again();
  new ResizeObserver(again).observe(room);
  return () => { width = 0; again(); };
}

// One of a few things, chosen with a click or the arrow keys.
function choice(group, options, chosen, onchange) {
  group.replaceChildren(...options.map(([key, text]) => {
    const input = el('input', { type: 'radio', name: group.id, value: key, checked: key === chosen,
      onchange: () => onchange(key) });
    return el('label', {}, input, el('span', {}, text));
  }));
}
