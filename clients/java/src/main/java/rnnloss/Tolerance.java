package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How far a claim may be from the right value. By default it is what {@code
 * torch.testing.assert_close} has for the claim's dtype. Tolerances don't change.
 */
public final class Tolerance {
  private final Map<String, Object> members;

  private Tolerance(Map<String, Object> members) {
    this.members = Collections.unmodifiableMap(members);
  }

  /**
   * Within atol + rtol · |right value|.
   *
   * @param rtol the relative part
   * @param atol the absolute part
   * @return the tolerance
   */
  public static Tolerance of(double rtol, double atol) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("rtol", rtol);
    members.put("atol", atol);
    return new Tolerance(members);
  }

  /**
   * Within a number of units in the last place.
   *
   * @param ulps how many, of the claim's dtype
   * @return the tolerance
   */
  public static Tolerance ulps(double ulps) {
    return new Tolerance(new LinkedHashMap<>(Map.of("ulps", ulps)));
  }

  /**
   * The default tolerance of a dtype: a worker that computes in F32 says so.
   *
   * @param dtype the dtype
   * @return the tolerance
   */
  public static Tolerance of(DType dtype) {
    return new Tolerance(new LinkedHashMap<>(Map.of("dtype", dtype)));
  }

  /**
   * The same tolerance, in units of another dtype.
   *
   * @param dtype whose units in the last place are meant
   * @return a new tolerance
   */
  public Tolerance as(DType dtype) {
    Map<String, Object> more = new LinkedHashMap<>(members);
    more.put("dtype", dtype);
    return new Tolerance(more);
  }

  Map<String, Object> members() {
    return members;
  }
}
