package rnnloss;

/** What the daemon thinks of a claim. */
public enum Verdict {
  /** It is right, within the tolerance. */
  PASS,
  /** It is wrong. */
  FAIL,
  /** Only the absolute tolerance excuses it, which alone certifies nothing. */
  INCONCLUSIVE
}
