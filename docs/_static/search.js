// Sections that hold all words of a query, the best first, with an excerpt.
// Sphinx does the rest: the field, the address, the word that it is done.
// An abbreviation is one in its own letters only: a map is no mAP.
const count = (text, word) => text.match(new RegExp(
  `\\b${_escapeRegExp(word)}`, /[a-z]?[A-Z].*[A-Z]/.test(word) ? 'g' : 'gi')
)?.length ?? 0;

const names = word => [word, ...(OTHER_NAMES[word.toLowerCase()] ?? [])];

// How well a section fits a word or another name of it; 0: not at all.
function fit([, title, , text, kind], word) {
  return Math.max(...names(word).map(name => count(title, name) * 30
    + Math.min(count(text, name), 10))) * (kind === 'function' ? .3 : 1);
}

function score(section, query, words) {
  const whole = fit(section, query);
  const each = words.map(word => fit(section, word));
  return each.every(n => n) ? 3 * whole + each.reduce((a, b) => a + b) : whole;
}

function excerpt(text, words) {
  const places = words.flatMap(names)
    .map(name => text.toLowerCase().indexOf(name.toLowerCase()))
    .filter(place => place >= 0);
  // From the beginning of a word, a little before the first one that is asked.
  const start = text.lastIndexOf(
    ' ', Math.min(...places, text.length) - 60) + 1;
  const node = document.createElement('p');
  node.className = 'context';
  node.textContent = (start ? '… ' : '') + text.slice(start, start + 200)
    + (start + 200 < text.length ? ' …' : '');
  return node;
}

function item([url, title, page, text], words) {
  const node = document.createElement('li');
  const link = node.appendChild(document.createElement('a'));
  link.href = document.documentElement.dataset.content_root + url;
  link.textContent = title;
  if (page) node.append(` (${page})`);
  node.append(excerpt(text, words));
  return node;
}

Search.query = query => {
  const asked = query.trim();
  const words = splitQuery(asked);
  if (!words.length) return _finishSearch(0);
  const found = SECTIONS.map(section => [score(section, asked, words), section])
    .filter(([points]) => points > 0)
    .sort(([a], [b]) => b - a).slice(0, 30);
  for (const [, section] of found) Search.output.append(item(section, words));
  _finishSearch(found.length);
  if (found.length) Search.status.textContent = `Places: ${found.length}`;
};
