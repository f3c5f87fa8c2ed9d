/** The look of the page: one column on a phone, cards beside each other where there is room. */
export const css = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14161a);
  --surface: light-dark(#fff, #1d2026);
  --line: light-dark(#dfe3e8, #333842);
  --text: light-dark(#1a1d21, #e8eaed);
  --quiet: light-dark(#5b6470, #9aa3af);
  --good: light-dark(#136c37, #6fd08f);
  --bad: light-dark(#a9201d, #ff8a80);
  --warn: light-dark(#7a5200, #f2c14e);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  max-width: 70rem;
  padding: 1rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; }
h1 { margin: 0; font-size: 1.25rem; }
h2 { margin: 1.5rem 0 0.5rem; font-size: 1rem; }
p { margin: 0; }
#state, .note, dt, .quiet { color: var(--quiet); }
.figures, .cards { display: grid; gap: 0.75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)); margin: 0; }
.cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.figures > div, article, details { background: var(--surface); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem; }
.figures dt { font-size: 0.85rem; }
.figures dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
article h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
article dl { display: grid; grid-template-columns: auto auto; gap: 0.15rem 1rem; margin: 0.5rem 0 0; }
article dt, article dd { min-width: 0; overflow-wrap: anywhere; }
article dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.note { margin-top: 0.5rem; }
details { margin-bottom: 0.5rem; }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: 0 0.75rem; align-items: baseline; min-height: 1.5rem; }
summary > :first-child { font-weight: 600; }
details ol { margin: 0.5rem 0 0; padding-left: 1.25rem; }
li { overflow-wrap: anywhere; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
`
