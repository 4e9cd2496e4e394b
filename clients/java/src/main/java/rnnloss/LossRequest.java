package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A problem: weights, tensors and options, by the names of the wire contract.
 *
 * <p>What is not set is not sent, so that the daemon's defaults hold, and nothing is checked here:
 * which problems are valid is decided by the daemon. A request doesn't change, but its tensors'
 * elements are those of the arrays and buffers that it was made from.
 */
public final class LossRequest {
  private final Map<String, Double> lambdas;
  private final Map<String, Tensor> tensors;
  private final Map<String, Object> options;
  private final Encoding encoding;

  private LossRequest(Builder builder) {
    lambdas = Collections.unmodifiableMap(new LinkedHashMap<>(builder.lambdas));
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(builder.tensors));
    options = Collections.unmodifiableMap(new LinkedHashMap<>(builder.options));
    encoding = builder.encoding;
  }

  /**
   * Begins a request.
   *
   * @return a builder without weights or tensors
   */
  public static Builder builder() {
    return new Builder();
  }

  Map<String, Double> lambdas() {
    return lambdas;
  }

  Map<String, Tensor> tensors() {
    return tensors;
  }

  /** Strings, whole numbers and lists of strings, by name. */
  Map<String, Object> options() {
    return options;
  }

  Encoding encoding() {
    return encoding;
  }

  /** Whether a tensor's gradient has another dtype than the tensor. */
  DType gradientDType(Tensor tensor) {
    Object asked = options.get("gradient_dtype");
    return asked == null ? tensor.dtype() : (DType) asked;
  }

  /** Collects a request; for one thread at a time. */
  public static final class Builder {
    private final Map<String, Double> lambdas = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Map<String, Object> options = new LinkedHashMap<>();
    private Encoding encoding = Encoding.SAFETENSORS;

    private Builder() {}

    /**
     * Sets a weight; those that aren't set are 0.
     *
     * @param name {@code lambda_mse}, {@code lambda_in}, {@code lambda_hid}, {@code lambda_out},
     *     {@code lambda_fr}, {@code lambda_fr_sd} or {@code lambda_fr_cv}
     * @param value a finite number, 0 or more
     * @return this
     */
    public Builder lambda(String name, double value) {
      lambdas.put(name, value);
      return this;
    }

    /**
     * Sets a tensor.
     *
     * @param name {@code pred} or {@code target} (batch, time, output neuron), {@code fr} (batch,
     *     time, neuron), {@code w_in} (neuron, input), {@code w_hid} (neuron, neuron) or {@code
     *     w_out} (output neuron, neuron)
     * @param tensor the tensor; the tensors of a request may differ in dtype
     * @return this
     */
    public Builder tensor(String name, Tensor tensor) {
      tensors.put(name, Objects.requireNonNull(tensor));
      return this;
    }

    /**
     * Says which gradients to answer.
     *
     * @param gradients of the total (the default), of each term, too, or none
     * @return this
     */
    public Builder gradients(Gradients gradients) {
      return option("gradients", gradients.toString());
    }

    /**
     * Names the tensors to differentiate by; without names, none. By default they are all that an
     * active term uses, but {@code target}.
     *
     * @param tensors their names
     * @return this
     */
    public Builder wrt(String... tensors) {
      return option("wrt", List.of(tensors));
    }

    /**
     * Says what dtype the gradients have; by default each has its tensor's.
     *
     * @param dtype F32 or F64
     * @return this
     */
    public Builder gradientDType(DType dtype) {
      return option("gradient_dtype", dtype);
    }

    /**
     * Says what NaN or an infinity in a tensor means.
     *
     * @param nonfinite an error (the default), or nothing special
     * @return this
     */
    public Builder nonfinite(NonFinite nonfinite) {
      return option("nonfinite", nonfinite.toString());
    }

    /**
     * Insists on a version of the definitions.
     *
     * @param contract 1
     * @return this
     */
    public Builder contract(int contract) {
      return option("contract", contract);
    }

    /**
     * Asks for the digest of the inputs, {@link LossResult#inputsSha256()}.
     *
     * @return this
     */
    public Builder digest() {
      return option("digest", 1);
    }

    /**
     * Says how the request goes over the wire.
     *
     * @param encoding safetensors (the default) or JSON
     * @return this
     */
    public Builder encoding(Encoding encoding) {
      this.encoding = Objects.requireNonNull(encoding);
      return this;
    }

    /**
     * The request, as far as it is collected; the builder may be used on.
     *
     * @return a new request
     */
    public LossRequest build() {
      return new LossRequest(this);
    }

    private Builder option(String name, Object value) {
      options.put(name, value);
      return this;
    }
  }
}
