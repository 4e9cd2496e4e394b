package rnnloss;

/** Which gradients an answer has. */
public enum Gradients {
  /** Those of the total loss, which is the default. */
  TOTAL("total"),
  /** Each term's own, too. */
  PER_TERM("per_term"),
  /** None. */
  NONE("none");

  private final String wire;

  Gradients(String wire) {
    this.wire = wire;
  }

  /** As it is sent. */
  @Override
  public String toString() {
    return wire;
  }
}
