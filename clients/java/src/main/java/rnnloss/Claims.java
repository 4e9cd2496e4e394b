package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What a worker got for a problem, for the daemon to judge. All of it is optional, but without any
 * claim there is nothing to judge ({@code invalid-claim}). Not for several threads while it is
 * being filled.
 *
 * <p>Numbers go as F64. By default a claim is judged by the loosest dtype of its own and of the
 * tensors that it depends on: see {@link Tolerance}.
 */
public final class Claims {
  /** Doubles and tensors, by dotted path as in the report: {@code terms.fr.loss}. */
  private final Map<String, Object> byPath = new LinkedHashMap<>();

  /** No claims yet. */
  public Claims() {}

  /**
   * Claims the total loss.
   *
   * @param value what the worker got
   * @return this
   */
  public Claims loss(double value) {
    return claim("loss", value);
  }

  /**
   * Claims a term's loss, its weight included.
   *
   * @param term {@code mse}, {@code in}, {@code hid}, {@code out}, {@code fr}, {@code fr_sd} or
   *     {@code fr_cv}
   * @param value what the worker got
   * @return this
   */
  public Claims term(String term, double value) {
    return claim("terms." + term + ".loss", value);
  }

  /**
   * Claims a term's loss without its weight.
   *
   * @param term the term's name
   * @param value what the worker got
   * @return this
   */
  public Claims unweighted(String term, double value) {
    return claim("terms." + term + ".unweighted", value);
  }

  /**
   * Claims a gradient of the total loss.
   *
   * @param tensor the name of the tensor that it is by
   * @param gradient what the worker got, of that tensor's shape and of any dtype
   * @return this
   */
  public Claims gradient(String tensor, Tensor gradient) {
    return claim("gradients." + tensor, gradient);
  }

  /**
   * Claims a gradient of a term's loss.
   *
   * @param term the term's name
   * @param tensor the name of the tensor that it is by
   * @param gradient what the worker got, of that tensor's shape and of any dtype
   * @return this
   */
  public Claims gradient(String term, String tensor, Tensor gradient) {
    return claim("terms." + term + ".gradients." + tensor, gradient);
  }

  private Claims claim(String path, Object value) {
    byPath.put(path, Objects.requireNonNull(value));
    return this;
  }

  Map<String, Object> byPath() {
    return Collections.unmodifiableMap(byPath);
  }

  /** The claims as nested maps, which JSON has. */
  Map<String, Object> nested() {
    Map<String, Object> root = new LinkedHashMap<>();
    byPath.forEach((path, value) -> put(root, path.split("\\.", -1), value));
    return root;
  }

  @SuppressWarnings("unchecked")
  private static void put(Map<String, Object> root, String[] path, Object value) {
    Map<String, Object> at = root;
    for (int i = 0; i < path.length - 1; i++) {
      at =
          (Map<String, Object>)
              at.computeIfAbsent(path[i], name -> new LinkedHashMap<String, Object>());
    }
    at.put(path[path.length - 1], value);
  }
}
