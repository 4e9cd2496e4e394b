package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The daemon's judgement of {@link Claims}. Reports don't change; threads may share them. */
public final class Report {
  private final Json json;
  private final Boolean valid;
  private final String inputsSha256;
  private final Map<String, ClaimReport> claims;

  Report(Json json) {
    this.json = json;
    valid = json.get("valid").isNull() ? null : (Boolean) json.get("valid").asBoolean();
    inputsSha256 = json.get("inputs_sha256").asString();
    Map<String, ClaimReport> byPath = new LinkedHashMap<>();
    json.get("claims").members().forEach((path, claim) -> byPath.put(path, new ClaimReport(claim)));
    claims = Collections.unmodifiableMap(byPath);
  }

  /**
   * Whether the claims are right.
   *
   * @return true if all pass, false if any fails, else empty
   */
  public Optional<Boolean> valid() {
    return Optional.ofNullable(valid);
  }

  /**
   * The digest of what was judged.
   *
   * @return 64 hexadecimal digits
   */
  public String inputsSha256() {
    return inputsSha256;
  }

  /**
   * The claims.
   *
   * @return by dotted path: {@code loss}, {@code terms.fr.loss}, {@code terms.fr.unweighted},
   *     {@code gradients.fr}, {@code terms.fr.gradients.fr}
   */
  public Map<String, ClaimReport> claims() {
    return claims;
  }

  /**
   * The whole report.
   *
   * @return an object
   */
  public Json json() {
    return json;
  }
}
