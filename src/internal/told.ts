/** What makers of keys begin them with. */
const beginnings =
  /^(?:sk|pk|rk|gsk|xai|hf|nvapi|glpat|pplx|r8|tgp|csk|fw|ghp|gho|github_pat|xox[a-z]|AKIA|AIza|ya29|eyJ|Bearer)[-_.A-Za-z0-9 ]{8}/

/** A run of letters and digits that names nothing: versions and dates are shorter, or have no letters. */
const isRandom = (run: string): boolean => run.length >= 16 && /\d/.test(run) && /[a-z]/i.test(run)

/** Whether a text looks like a key, which someone has put where it doesn't belong. */
export const looksLikeKey = (text: string): boolean =>
  beginnings.test(text) || text.split(/[^A-Za-z0-9]/).some(isRandom)

/** A text of a configuration as a message may repeat it: what looks like a key is never repeated. */
export const told = (text: string): string =>
  looksLikeKey(text) ? `(something like a key, of length ${text.length})` : JSON.stringify(text)
