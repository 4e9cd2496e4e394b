package rnnloss;

import java.util.List;
import java.util.stream.Collectors;

/** Another definition that a failed claim fits. */
public final class Diagnosis {
  private final Json json;
  private final String id;
  private final String title;
  private final List<String> releases;

  Diagnosis(Json json) {
    this.json = json;
    id = json.get("id").asString();
    title = json.get("title").asString();
    releases =
        json.has("releases")
            ? json.get("releases").items().stream()
                .map(Json::asString)
                .collect(Collectors.toUnmodifiableList())
            : List.of();
  }

  /**
   * The definition's stable name.
   *
   * @return such as {@code sample-sd}
   */
  public String id() {
    return id;
  }

  /**
   * The definition, for people.
   *
   * @return a sentence
   */
  public String title() {
    return title;
  }

  /**
   * How the claim comes from the right value.
   *
   * @return a formula, or an empty string
   */
  public String relation() {
    return text("relation");
  }

  /**
   * What to change in PyTorch, JAX or numpy.
   *
   * @return a sentence, or an empty string
   */
  public String fix() {
    return text("fix");
  }

  /**
   * The published packages that compute this.
   *
   * @return their names and versions
   */
  public List<String> releases() {
    return releases;
  }

  /**
   * All that the report says of it.
   *
   * @return an object
   */
  public Json json() {
    return json;
  }

  private String text(String member) {
    return json.has(member) && json.get(member).isString() ? json.get(member).asString() : "";
  }
}
