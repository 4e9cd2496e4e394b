package rnnloss;

import java.util.Map;

/** What an answer has of an active term. Results don't change; threads may share them. */
public final class TermResult {
  private final double lambda;
  private final double loss;
  private final double unweighted;
  private final Map<String, Tensor> gradients;

  TermResult(double lambda, double loss, double unweighted, Map<String, Tensor> gradients) {
    this.lambda = lambda;
    this.loss = loss;
    this.unweighted = unweighted;
    this.gradients = gradients;
  }

  /**
   * The term's weight.
   *
   * @return λ as it was sent
   */
  public double lambda() {
    return lambda;
  }

  /**
   * The term's loss, its weight included.
   *
   * @return λ times the real value of the formula, rounded once
   */
  public double loss() {
    return loss;
  }

  /**
   * The term's loss without its weight.
   *
   * @return the real value of the formula, rounded once
   */
  public double unweighted() {
    return unweighted;
  }

  /**
   * The gradients of this term's loss, λ included, with {@link Gradients#PER_TERM}.
   *
   * @return by tensor, each with its tensor's shape; empty if they were not asked for
   */
  public Map<String, Tensor> gradients() {
    return gradients;
  }
}
