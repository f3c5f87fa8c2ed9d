/** The page; what it shows is filled in by its script. */
export const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>arc-saga gateway</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/page.css" />
    <script src="/page.js" defer></script>
  </head>
  <body>
    <header>
      <h1>arc-saga gateway</h1>
      <p id="state" role="status">Loading…</p>
      <p id="refused" class="bad" role="alert"></p>
    </header>
    <main>
      <section aria-labelledby="today">
        <h2 id="today">Today</h2>
        <dl class="figures" id="figures"></dl>
        <p class="note" id="saved"></p>
      </section>
      <section aria-labelledby="providers-title">
        <h2 id="providers-title">Providers</h2>
        <div class="cards" id="providers"></div>
      </section>
      <section aria-labelledby="learned-title" id="learned" hidden>
        <h2 id="learned-title">What is learned</h2>
        <div class="cards" id="learned-cards"></div>
      </section>
      <section aria-labelledby="calls-title">
        <h2 id="calls-title">Last calls</h2>
        <div id="calls"></div>
      </section>
    </main>
    <noscript>This page shows live numbers and needs JavaScript. They are at /status.json, too.</noscript>
  </body>
</html>
`
