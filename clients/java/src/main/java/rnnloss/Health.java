package rnnloss;

/** How an endpoint is. */
public enum Health {
  /** It takes requests. */
  READY("ready"),
  /** It is about to end. */
  DRAINING("draining"),
  /** It is there, but takes no requests, or its values may be wrong. */
  NOT_READY("not-ready"),
  /** No rnnlossd answers there. */
  UNREACHABLE("unreachable");

  private final String text;

  Health(String text) {
    this.text = text;
  }

  /** The name that all clients use: {@code not-ready}. */
  @Override
  public String toString() {
    return text;
  }
}
