package rnnloss;

/** What NaN or an infinity in a tensor means. */
public enum NonFinite {
  /** It is refused, with its place, as {@code non-finite}; this is the default. */
  ERROR("error"),
  /** It goes through to values and gradients. */
  PROPAGATE("propagate");

  private final String wire;

  NonFinite(String wire) {
    this.wire = wire;
  }

  /** As it is sent. */
  @Override
  public String toString() {
    return wire;
  }
}
