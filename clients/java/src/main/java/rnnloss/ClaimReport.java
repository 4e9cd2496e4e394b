package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** What the daemon found out about one claim. Reports don't change; threads may share them. */
public final class ClaimReport {
  private final Json json;
  private final Verdict verdict;
  private final OptionalDouble claimed;
  private final OptionalDouble canonical;
  private final Map<String, Difference> largest;
  private final Difference firstMismatch;
  private final List<Diagnosis> diagnosis;

  ClaimReport(Json json) {
    this.json = json;
    verdict = Verdict.valueOf(json.get("verdict").asString().toUpperCase(Locale.ROOT));
    claimed = number(json, "claimed");
    canonical = number(json, "canonical");
    largest = json.has("largest") ? differences(json.get("largest")) : Map.of();
    firstMismatch = json.has("first_mismatch") ? new Difference(json.get("first_mismatch")) : null;
    diagnosis =
        json.has("diagnosis")
            ? json.get("diagnosis").items().stream()
                .map(Diagnosis::new)
                .collect(Collectors.toUnmodifiableList())
            : List.of();
  }

  private static Map<String, Difference> differences(Json json) {
    Map<String, Difference> differences = new LinkedHashMap<>();
    json.members().forEach((kind, value) -> differences.put(kind, new Difference(value)));
    return Collections.unmodifiableMap(differences);
  }

  static OptionalDouble number(Json json, String member) {
    return json.has(member)
        ? OptionalDouble.of(json.get(member).asDouble())
        : OptionalDouble.empty();
  }

  /**
   * Whether the claim is right.
   *
   * @return the verdict
   */
  public Verdict verdict() {
    return verdict;
  }

  /**
   * The number that was claimed.
   *
   * @return its value, if the claim is a number
   */
  public OptionalDouble claimed() {
    return claimed;
  }

  /**
   * The number that is right.
   *
   * @return its value, if the claim is a number
   */
  public OptionalDouble canonical() {
    return canonical;
  }

  /**
   * The largest differences.
   *
   * @return by kind: {@code absolute}, {@code relative}, {@code ulps}
   */
  public Map<String, Difference> largest() {
    return largest;
  }

  /**
   * The first element that is out of tolerance.
   *
   * @return the difference there, if there is one
   */
  public Optional<Difference> firstMismatch() {
    return Optional.ofNullable(firstMismatch);
  }

  /**
   * The other definitions that a failed claim fits.
   *
   * @return the best first; empty if none does
   */
  public List<Diagnosis> diagnosis() {
    return diagnosis;
  }

  /**
   * All that the report says of the claim: counts, the tolerance, of a gradient its cosine and
   * scale, and what a later daemon adds.
   *
   * @return an object
   */
  public Json json() {
    return json;
  }
}
