package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Claims, and what the daemon finds out about them. */
class ValidateTest {
  private static final RnnLossClient CLIENT = Daemons.client();

  private static LossRequest.Builder rates() {
    double[] rates = {0.1, 0.2, 0.3, 0.5, 0.3, 0.2, 0.1, 0.6};
    return LossRequest.builder()
        .lambda("lambda_fr_sd", 0.1)
        .tensor("fr", Tensor.f64(rates, 1, 2, 4));
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void aWrongClaimIsDiagnosed(Encoding encoding) {
    LossRequest request = rates().encoding(encoding).build();
    Report report = CLIENT.validate(request, new Claims().term("fr_sd", 0.0175));
    assertEquals(Optional.of(false), report.valid());
    assertTrue(report.inputsSha256().startsWith("38f7ac097f83"), report.inputsSha256());
    assertEquals(Set.of("terms.fr_sd.loss"), report.claims().keySet());
    ClaimReport claim = report.claims().get("terms.fr_sd.loss");
    assertEquals(Verdict.FAIL, claim.verdict());
    assertEquals(OptionalDouble.of(0.0175), claim.claimed());
    assertEquals(OptionalDouble.of(0.015155444566227676), claim.canonical());
    assertEquals(0.0023445554337723253, claim.largest().get("absolute").difference());
    assertEquals(List.of(), claim.firstMismatch().get().index());
    Diagnosis diagnosis = claim.diagnosis().get(0);
    assertEquals("sample-sd", diagnosis.id());
    assertTrue(diagnosis.title().contains("n - 1"), diagnosis.title());
    assertTrue(diagnosis.relation().startsWith("claim = "), diagnosis.relation());
    assertTrue(diagnosis.fix().contains("unbiased=False"), diagnosis.fix());
    assertEquals(List.of("nn4n-1.2.0"), diagnosis.releases());
    assertEquals(0.0175, diagnosis.json().get("value").asDouble());
    assertEquals(1, claim.json().get("mismatched").asLong());
    assertEquals("F64", report.json().get("tolerance").get("dtype").asString());
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void everyKindOfClaimIsJudged(Encoding encoding) {
    LossResult right = CLIENT.loss(Daemons.problem().gradients(Gradients.PER_TERM).build());
    double[] wrong = right.gradients().get("pred").toDoubleArray();
    wrong[3] += 1;
    Claims claims =
        new Claims()
            .loss(right.loss())
            .term("mse", right.terms().get("mse").loss())
            .unweighted("fr", right.terms().get("fr").unweighted())
            .gradient("fr", right.gradients().get("fr"))
            .gradient("mse", "pred", Tensor.f64(wrong, 2, 2));
    Report report = CLIENT.validate(Daemons.problem().encoding(encoding).build(), claims);
    assertEquals(Optional.of(false), report.valid());
    assertEquals(
        Set.of(
            "loss",
            "terms.mse.loss",
            "terms.fr.unweighted",
            "gradients.fr",
            "terms.mse.gradients.pred"),
        report.claims().keySet());
    report
        .claims()
        .forEach(
            (path, claim) ->
                assertEquals(
                    path.endsWith("pred") ? Verdict.FAIL : Verdict.PASS, claim.verdict(), path));
    Difference first = report.claims().get("terms.mse.gradients.pred").firstMismatch().get();
    assertEquals(List.of(1L, 1L), first.index());
    assertEquals(OptionalDouble.of(2), first.claimed());
    assertEquals(OptionalDouble.of(1), first.canonical());
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void tolerancesAreSent(Encoding encoding) {
    LossRequest request = rates().encoding(encoding).build();
    Claims near = new Claims().term("fr_sd", 0.015155444566227676 * (1 + 1e-6));
    Report byDefault = CLIENT.validate(request, near);
    assertEquals(
        Optional.of(true), CLIENT.validate(request, near, Tolerance.of(DType.F32)).valid());
    assertEquals(
        Optional.of(true), CLIENT.validate(request, near, Tolerance.ulps(2).as(DType.F16)).valid());
    assertEquals(Optional.of(false), CLIENT.validate(request, near, Tolerance.ulps(4)).valid());
    assertEquals(Optional.of(false), CLIENT.validate(request, near, Tolerance.of(1e-9, 0)).valid());
    assertEquals(Optional.empty(), byDefault.valid());
    assertEquals(Verdict.INCONCLUSIVE, byDefault.claims().get("terms.fr_sd.loss").verdict());
  }

  @Test
  void theReportIsThereAsText() {
    String text = CLIENT.validateAsText(rates().build(), new Claims().term("fr_sd", 0.0175), null);
    assertTrue(text.startsWith("not valid\n"), text);
    assertTrue(text.contains("sample-sd: "), text);
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void claimsThatCannotBeJudgedAreRefused(Encoding encoding) {
    LossRequest request = rates().encoding(encoding).build();
    assertEquals(
        "invalid-claim", Daemons.failure(() -> CLIENT.validate(request, new Claims())).type());
    Claims unknown = new Claims().term("fr.sd", 1);
    assertEquals("invalid-claim", Daemons.failure(() -> CLIENT.validate(request, unknown)).type());
    Claims notFinite = new Claims().loss(Double.NaN);
    assertEquals(Optional.of(false), CLIENT.validate(request, notFinite).valid());
  }
}
