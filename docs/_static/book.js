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
});
