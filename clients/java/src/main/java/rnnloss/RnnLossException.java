package rnnloss;

/**
 * What went wrong with a call: a problem that the daemon names, or one of three of the client's
 * own, {@code unreachable}, {@code timeout} and {@code unexpected-answer}.
 */
public final class RnnLossException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** No endpoint could be reached, or each connection broke. */
  static final String UNREACHABLE = "unreachable";

  /** The time of the call was up. */
  static final String TIMEOUT = "timeout";

  /** The answer is none of a rnnlossd. */
  static final String UNEXPECTED = "unexpected-answer";

  /** See {@link #type()}. */
  private final String type;

  /** See {@link #status()}. */
  private final int status;

  /** See {@link #title()}. */
  private final String title;

  /** See {@link #detail()}. */
  private final String detail;

  /** See {@link #pointer()}. */
  private final String pointer;

  /** See {@link #requestId()}. */
  private final String requestId;

  RnnLossException(
      String type, int status, String title, String detail, String pointer, String requestId) {
    super((status == 0 ? "" : status + " ") + type + ": " + title + ": " + detail);
    this.type = type;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.pointer = pointer;
    this.requestId = requestId;
  }

  static RnnLossException unreachable(Throwable cause, String where, String requestId) {
    RnnLossException e =
        new RnnLossException(
            UNREACHABLE, 0, "No answer", where + ": " + describe(cause), "", requestId);
    e.initCause(cause);
    return e;
  }

  static RnnLossException timeout(String detail, String requestId) {
    return new RnnLossException(TIMEOUT, 0, "The time was up", detail, "", requestId);
  }

  static RnnLossException unexpected(int status, String detail, String requestId) {
    return new RnnLossException(
        UNEXPECTED, status, "That is no answer of a rnnlossd", detail, "", requestId);
  }

  /** Some exceptions of java.net say nothing but their name. */
  private static String describe(Throwable cause) {
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  /**
   * What went wrong, for programs.
   *
   * @return a type of the wire contract, without {@code #}: {@code shape-mismatch}; or {@code
   *     unreachable}, {@code timeout}, {@code unexpected-answer}
   */
  public String type() {
    return type;
  }

  /**
   * The HTTP status.
   *
   * @return 400 to 599, another one of an unexpected answer, 0 if there was none
   */
  public int status() {
    return status;
  }

  /**
   * What went wrong, for people.
   *
   * @return a few words
   */
  public String title() {
    return title;
  }

  /**
   * What is wrong, what was expected and what was found; of an unexpected answer its beginning.
   *
   * @return a sentence
   */
  public String detail() {
    return detail;
  }

  /**
   * The member of the request that is wrong.
   *
   * @return a JSON pointer as {@code /tensors/w_hid}, or an empty string
   */
  public String pointer() {
    return pointer;
  }

  /**
   * The request's id in the daemon's log.
   *
   * @return the X-Request-Id
   */
  public String requestId() {
    return requestId;
  }
}
