interface Deal { what: string; where: string; was: number; now: number; note: string }

const DEALS: Deal[] = [
  { what: "Cast-iron skillet, 26 cm", where: "Kitchen", was: 59, now: 34, note: "Oven-proof, made to be inherited." },
  { what: "Merino base layer", where: "Outdoors", was: 89, now: 52, note: "Two colours left in medium." },
  { what: "Desk lamp with warm dimming", where: "Home office", was: 74, now: 45, note: "Flicker-free, 2200 to 4000 K." },
  { what: "Pour-over set for two", where: "Coffee", was: 48, now: 29, note: "Carafe, dripper and forty filters." },
  { what: "Travel adapter, 65 W", where: "Travel", was: 55, now: 36, note: "Charges a laptop and two phones." },
  { what: "Noise-cancelling headphones", where: "Audio", was: 249, now: 169, note: "Thirty hours on one charge." },
];

const saved = (deal: Deal) => Math.round((1 - deal.now / deal.was) * 100);

export function Landing() {
  return (
    <>
      <header className="top"><a className="brand" href="/">discount<b>blog</b></a><nav aria-label="Sections"><a href="#deals">Deals</a><a href="#how">How we choose</a></nav></header>
      <main>
        <section className="hero">
          <h1>Good things, for less, picked by people.</h1>
          <p>Six offers a week that we would buy ourselves. No countdown, no pop-up.</p>
          <a className="call" href="#deals">See this week's six</a>
        </section>
        <section id="deals" aria-labelledby="h-deals">
          <h2 id="h-deals">This week</h2>
          <ul className="deals">
            {DEALS.map((deal) => (
              <li key={deal.what}>
                <p className="where">{deal.where}</p>
                <h3>{deal.what}</h3>
                <p>{deal.note}</p>
                <p className="price"><s aria-label={`was ${deal.was} dollars`}>${deal.was}</s> <b>${deal.now}</b> <span>{saved(deal)} % off</span></p>
              </li>
            ))}
          </ul>
        </section>
        <section id="how" aria-labelledby="h-how">
          <h2 id="h-how">How we choose</h2>
          <p>We follow a price for ninety days before we call it an offer. We keep what we test, pay for it, and say what broke. Shops cannot buy a place here.</p>
        </section>
      </main>
      <footer><p>You get our mail because you asked for it. Every mail has a link that stops it at once.</p></footer>
    </>
  );
}
