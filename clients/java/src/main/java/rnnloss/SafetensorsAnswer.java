package rnnloss;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An answer of /loss in safetensors: its gradients are views of the file. */
final class SafetensorsAnswer implements AnswerParts {
  private final Safetensors file;
  private final LossRequest request;

  SafetensorsAnswer(Safetensors file, LossRequest request) {
    this.file = file;
    this.request = request;
  }

  @Override
  public double loss() {
    return scalar("loss");
  }

  @Override
  public Map<String, TermResult> terms() {
    Map<String, TermResult> terms = new LinkedHashMap<>();
    for (String name : file.tensors().keySet()) {
      if (name.startsWith("terms.") && name.endsWith(".loss")) {
        String term = name.substring("terms.".length(), name.length() - ".loss".length());
        terms.put(term, term(term));
      }
    }
    return Collections.unmodifiableMap(terms);
  }

  private TermResult term(String term) {
    double lambda = Json.parse(metadata("lambda_" + term)).asDouble();
    String prefix = "terms." + term + ".";
    return new TermResult(
        lambda,
        scalar(prefix + "loss"),
        scalar(prefix + "unweighted"),
        gradients(prefix + "gradients."));
  }

  @Override
  public Map<String, Tensor> gradients() {
    return gradients("gradients.");
  }

  private Map<String, Tensor> gradients(String prefix) {
    Map<String, Tensor> gradients = new LinkedHashMap<>();
    file.tensors()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith(prefix)) {
                String by = name.substring(prefix.length());
                gradients.put(by, AnswerParts.checked(tensor, by, request));
              }
            });
    return Collections.unmodifiableMap(gradients);
  }

  @Override
  public List<String> names(String member) {
    String joined = metadata(member);
    return joined.isEmpty() ? List.of() : List.of(joined.split(","));
  }

  @Override
  public String inputsSha256() {
    return file.metadata().get("inputs_sha256");
  }

  private String metadata(String name) {
    String value = file.metadata().get(name);
    if (value == null) {
      throw new IllegalArgumentException("no " + name + " in the metadata");
    }
    return value;
  }

  private double scalar(String name) {
    Tensor tensor = file.tensors().get(name);
    if (tensor == null || tensor.dtype() != DType.F64 || tensor.shape().length != 0) {
      throw new IllegalArgumentException("no number " + name);
    }
    return tensor.asDoubleBuffer().get(0);
  }
}
