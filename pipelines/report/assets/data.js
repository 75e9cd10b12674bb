// The report's data, and how its numbers are written.
const data = JSON.parse(document.getElementById('data').textContent);

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const EXACT = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 });
const THIN = '\u202f';

function count(number) {
  return WHOLE.format(Math.round(number)).replace('-0', '0');
}

function short(number) {
  return Math.abs(number) < 100000 ? count(number) : SHORT.format(number);
}

function pagesOf(number) {
  return `${count(number)} ${Math.round(number) === 1 ? 'page' : 'pages'}`;
}

function share(part, of) {
  if (!of) return '–';
  const percent = (100 * part) / of;
  const digits = percent === 0 || percent >= 9.95 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${percent.toFixed(percent === 0 ? 0 : digits)}${THIN}%`;
}

function signed(number) {
  const rounded = Math.round(number);
  if (rounded === 0) return '±0';
  return (rounded > 0 ? '+' : '−') + count(Math.abs(rounded));
}

// A measured value or a threshold as a person writes it.
function value(number) {
  if (typeof number === 'string') return `"${number}"`;
  if (Number.isInteger(number)) return count(number);
  return EXACT.format(number);
}

function bytes(size) {
  for (const [unit, of] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]) {
    if (size >= of) return `${(size / of).toPrecision(3)} ${unit}`;
  }
  return `${size} bytes`;
}

function seconds(time) {
  if (time >= 36000) return `${count(time / 3600)} hours`;
  if (time >= 600) return `${count(time / 60)} minutes`;
  return time >= 10 ? `${count(time)} s` : `${time.toFixed(time >= 1 ? 1 : 2)} s`;
}

// Numbers that were packed little-endian, as all machines with a browser read them.
function unpacked(base64, Kind) {
  const text = atob(base64);
  const raw = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) raw[at] = text.charCodeAt(at);
  return new Kind(raw.buffer);
}

function ruleText(rule) {
  return rule.shown ? `${rule.left} ${rule.shown}` : `${rule.left} ${rule.op} ${value(rule.constant)}`;
}
