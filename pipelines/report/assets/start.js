// The contents, the two looks, and everything drawn in the order of the page.
function drawContents() {
  const links = [...document.querySelectorAll('main > section')].map((section) => {
    const link = el('a', { href: `#${section.id}` }, section.dataset.title);
    const heading = section.querySelector('h1, h2');
    heading.id = heading.id || `${section.id}-title`;
    section.setAttribute('aria-labelledby', heading.id);
    return [section, link];
  });
  byId('contents').append(...links.map(([, link]) => el('li', {}, link)));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const [, link] = links.find(([section]) => section === entry.target);
      if (entry.isIntersecting) {
        links.forEach(([, other]) => other.removeAttribute('aria-current'));
        link.setAttribute('aria-current', 'true');
        byId('contents').scrollTo({ left: link.offsetLeft - 60 });
      }
    }
  }, { rootMargin: '-20% 0px -70% 0px' });
  links.forEach(([section]) => watcher.observe(section));
}

function drawTheme() {
  const button = byId('theme');
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
  const show = () => {
    button.textContent = dark() ? 'Light' : 'Dark';
    button.setAttribute('aria-pressed', String(dark()));
    button.setAttribute('aria-label', dark() ? 'Light look' : 'Dark look');
  };
  button.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; show(); });
  system.addEventListener('change', show);
  show();
}

document.documentElement.dataset.ready = 'true'; // nothing is painted before this script has ended
drawTheme();
drawOverview();
drawContents();
drawFlow();
drawRules();
drawPanel();
drawOverlap();
drawShapes();
drawLanguages();
drawBreakdown('sites', 'sites');
drawDates();
drawClusters();
drawCost();
drawExamples();
document.documentElement.dataset.drawn = 'true';
