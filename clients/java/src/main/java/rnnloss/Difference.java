package rnnloss;

import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** How far a claim is from the right value, and where. */
public final class Difference {
  private final double difference;
  private final List<Long> index;
  private final OptionalDouble claimed;
  private final OptionalDouble canonical;

  Difference(Json json) {
    claimed = ClaimReport.number(json, "claimed");
    canonical = ClaimReport.number(json, "canonical");
    difference = json.get("difference").asDouble();
    index =
        json.get("index").items().stream()
            .map(Json::asLong)
            .collect(Collectors.toUnmodifiableList());
  }

  /**
   * The difference.
   *
   * @return its magnitude
   */
  public double difference() {
    return difference;
  }

  /**
   * Where it is.
   *
   * @return the index of the element, axis by axis; empty for a number
   */
  public List<Long> index() {
    return index;
  }

  /**
   * The element that was claimed.
   *
   * @return its value, if the claim is a gradient
   */
  public OptionalDouble claimed() {
    return claimed;
  }

  /**
   * The element that is right.
   *
   * @return its value, if the claim is a gradient
   */
  public OptionalDouble canonical() {
    return canonical;
  }
}
