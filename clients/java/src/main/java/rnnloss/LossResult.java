package rnnloss;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The answer to a {@link LossRequest}. Results don't change; threads may share them. The gradients
 * are views of the answer's bytes, which live as long as one of them is held.
 */
public final class LossResult {
  private final double loss;
  private final Map<String, TermResult> terms;
  private final Map<String, Tensor> gradients;
  private final List<String> unused;
  private final List<String> warnings;
  private final String inputsSha256;
  private final String requestId;

  LossResult(AnswerParts parts, String requestId) {
    loss = parts.loss();
    terms = parts.terms();
    gradients = parts.gradients();
    unused = parts.names("unused");
    warnings = parts.names("warnings");
    inputsSha256 = parts.inputsSha256();
    this.requestId = requestId;
  }

  /**
   * The total loss.
   *
   * @return the sum of the active terms, rounded once
   */
  public double loss() {
    return loss;
  }

  /**
   * The active terms.
   *
   * @return by name, in the order mse, in, hid, out, fr, fr_sd, fr_cv
   */
  public Map<String, TermResult> terms() {
    return terms;
  }

  /**
   * The gradients of the total loss.
   *
   * @return by tensor, each with its tensor's shape, and its dtype unless another one was asked
   *     for; empty with {@link Gradients#NONE}
   */
  public Map<String, Tensor> gradients() {
    return gradients;
  }

  /**
   * The tensors that no active term needed.
   *
   * @return their names
   */
  public List<String> unused() {
    return unused;
  }

  /**
   * What is legal, but a trap.
   *
   * @return {@code negative-mean-rate}, {@code underflow}, or others of a later daemon
   */
  public List<String> warnings() {
    return warnings;
  }

  /**
   * The digest of the inputs.
   *
   * @return 64 hexadecimal digits, if {@link LossRequest.Builder#digest()} asked for them
   */
  public Optional<String> inputsSha256() {
    return Optional.ofNullable(inputsSha256);
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
