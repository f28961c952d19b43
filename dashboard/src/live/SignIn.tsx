/** Where the page that was asked for is kept while one signs in: the server answers a sign-in with "/". */
export const WANTED = "wanted";

export function SignIn() {
  return (
    <main className="sign-in">
      <h1>IGNITE</h1>
      <p>This page needs a signed-in console.</p>
      <form method="post" action="/console" onSubmit={() => sessionStorage.setItem(WANTED, location.pathname + location.search)}>
        <label htmlFor="key">API key</label>
        <input id="key" name="key" type="password" autoComplete="current-password" required autoFocus />
        <button type="submit">Sign in</button>
      </form>
      <p>Keys stand in the server's configuration, each with the name of who uses it: <code>{'api: {keys: {alice: "at least sixteen characters"}}'}</code></p>
      <p>With <code>ignite demo</code>, open the one-time link that it printed in the terminal; each start prints a new one.</p>
    </main>
  );
}
