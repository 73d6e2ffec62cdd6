// What the theme and docutils leave unsaid to a screen reader.
document.addEventListener('DOMContentLoaded', () => {
  for (const summary of document.querySelectorAll('.bd-sidenav summary')) {
    const page = summary.closest('li').querySelector('a').textContent.trim();
    summary.setAttribute('aria-label', `Pages of ${page}`);
  }
  // Entries of a bibliography are not items of a list.
  for (const list of document.querySelectorAll('.citation-list')) {
    list.removeAttribute('role');
  }
  // What a term means is shown by the style, on touch and keyboard, too.
  for (const term of document.querySelectorAll('article a.term[title]')) {
    term.dataset.meaning = term.title;
    term.setAttribute('aria-description', term.title);
    term.removeAttribute('title');
  }
  for (const button of document.querySelectorAll(
      '.btn-download-source-button')) {
    button.download = '';
  }
  markScrolling();
  // It gets wider and narrower after the window did, too.
  new ResizeObserver(markScrolling).observe(
    document.querySelector('.bd-article') ?? document.body);
  // Letters of another font have other widths.
  document.fonts.ready.then(markScrolling);
  // Formulas are set after the page is there.
  addEventListener('load', () =>
    window.MathJax?.startup?.promise?.then(markScrolling));
});

// What is wider than the page scrolls: by keyboard, too, and with a sign.
function markScrolling() {
  // Below half of its own width no label of a figure can be read.
  for (const image of document.querySelectorAll('.bd-article figure > img'))
    image.classList.toggle(
      'wide', (image.getAttribute('width') ?? image.naturalWidth) > 750);
  for (const node of document.querySelectorAll(
      '.pst-scrollable-table-container, mjx-container[display=true], '
      + 'figure:has(> img)')) {
    const scrolls = node.scrollWidth > node.clientWidth + 1;
    node.classList.toggle('scrolls', scrolls);
    if (scrolls) node.tabIndex = 0;
    else node.removeAttribute('tabindex');
  }
}

// From a folder nothing is saved by a link: a script brings the file along.
window.saveFile = (name, text) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text]));
  link.download = name;
  link.click();
};

document.addEventListener('click', event => {
  const link = event.target.closest('.btn-download-source-button');
  if (!link || location.protocol !== 'file:') return;
  event.preventDefault();
  document.head.append(Object.assign(
    document.createElement('script'), {src: `${link.href}.js`}));
});
