package rnnloss_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"rnnloss"
)

// judged is a problem whose fr_sd and gradient were got in another way: the sample standard deviation, a forgotten sign.
func judged() *rnnloss.ValidateRequest {
	return &rnnloss.ValidateRequest{
		Request: rnnloss.Request{
			Lambdas: map[string]float64{"lambda_mse": 1, "lambda_fr_sd": 0.1},
			Tensors: map[string]rnnloss.Tensor{
				"pred":   rnnloss.F64([]float64{1, 2, 3, 4}, 2, 2),
				"target": rnnloss.F64([]float64{0, 2, 3, 2}, 2, 2),
				"fr":     rnnloss.F64([]float64{0.1, 0.2, 0.3, 0.5, 0.3, 0.2, 0.1, 0.6}, 1, 2, 4),
			},
		},
		Claims: map[string]rnnloss.Tensor{
			"terms.mse.loss":             rnnloss.Scalar(smallLoss),
			"terms.mse.unweighted":       rnnloss.Scalar(smallLoss),
			"terms.fr_sd.loss":           rnnloss.Scalar(0.0175),
			"gradients.pred":             rnnloss.F64([]float64{-0.5, 0, 0, -1}, 2, 2),
			"terms.mse.gradients.target": rnnloss.F64([]float64{-0.5, 0, 0, -1}, 2, 2),
		},
	}
}

func TestValidate(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := judged()
		request.Encoding = encoding
		report, err := newClient(t).Validate(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verdict != rnnloss.Fail || report.Contract != 1 || report.Version == "" || len(report.InputsSHA256) != 64 || !json.Valid(report.JSON) {
			t.Errorf("report %+v", report)
		}
		if report.Tolerance.DType != rnnloss.Float64 || *report.Tolerance.RTol != 1e-7 || report.Tolerance.ULPs != nil || report.Tolerance.Source == "" {
			t.Errorf("tolerance %+v", report.Tolerance)
		}
		for _, path := range []string{"terms.mse.loss", "terms.mse.unweighted", "terms.mse.gradients.target"} {
			if claim := report.Claims[path]; claim.Verdict != rnnloss.Pass || claim.FirstMismatch != nil || claim.Mismatched != 0 {
				t.Errorf("%s: %+v", path, claim)
			}
		}
		checkWrongLoss(t, report.Claims["terms.fr_sd.loss"])
		checkWrongGradient(t, report.Claims["gradients.pred"])
	})
}

func checkWrongLoss(t *testing.T, claim rnnloss.Claim) {
	if claim.Verdict != rnnloss.Fail || *claim.Claimed != 0.0175 || claim.CanonicalHex != "0x1.f09d156257496p-7" || claim.Elements != 1 {
		t.Errorf("%+v", claim)
	}
	if len(claim.Diagnosis) == 0 || claim.Diagnosis[0].ID != "sample-sd" || claim.Diagnosis[0].Fix == "" || claim.Diagnosis[0].Releases[0] != "nn4n-1.2.0" {
		t.Errorf("diagnosis %+v", claim.Diagnosis)
	}
}

func checkWrongGradient(t *testing.T, claim rnnloss.Claim) {
	if claim.Verdict != rnnloss.Fail || claim.Claimed != nil || *claim.Cosine != -1 || *claim.Scale != -1 || claim.Mismatched != 2 || claim.Elements != 4 {
		t.Errorf("%+v", claim)
	}
	largest := claim.Largest.Absolute
	if largest.Difference != 2 || len(largest.Index) != 2 || largest.Index[1] != 1 || *largest.Claimed != -1 || *largest.Canonical != 1 {
		t.Errorf("largest difference %+v", largest)
	}
	if len(claim.Diagnosis) == 0 || claim.Diagnosis[0].ID != "sign" {
		t.Errorf("diagnosis %+v", claim.Diagnosis)
	}
}

func TestValidateAsText(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := judged()
		request.Encoding = encoding
		text, err := newClient(t).ValidateText(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		wantContains(t, text, "not valid\n")
		wantContains(t, text, "fail    terms.fr_sd.loss")
		wantContains(t, text, "sample-sd")
	})
}

// verdictOn judges one claim about the loss, 1.25.
func verdictOn(t *testing.T, encoding rnnloss.Encoding, claim rnnloss.Tensor, tolerance rnnloss.Tolerance) *rnnloss.Report {
	t.Helper()
	request := &rnnloss.ValidateRequest{Request: *small(), Claims: map[string]rnnloss.Tensor{"loss": claim}, Tolerance: tolerance}
	request.Encoding = encoding
	report, err := newClient(t).Validate(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestTolerances(t *testing.T) {
	near := rnnloss.Scalar(math.Nextafter(smallLoss, 2))
	wrong := rnnloss.Scalar(1.3)
	ulpsOfF64 := rnnloss.ULPs(1)
	ulpsOfF64.DType = rnnloss.Float64
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		for _, c := range []struct {
			claim     rnnloss.Tensor
			tolerance rnnloss.Tolerance
			want      rnnloss.Verdict
		}{
			{near, rnnloss.Tolerance{}, rnnloss.Pass},
			{near, rnnloss.ULPs(0), rnnloss.Fail},
			{near, rnnloss.ULPs(1), rnnloss.Pass},
			{rnnloss.Scalar(smallLoss + 1e-7), ulpsOfF64, rnnloss.Fail},
			{rnnloss.Scalar(smallLoss + 1e-7), rnnloss.ULPs(1), rnnloss.Pass},
			{near, rnnloss.Within(0, 0), rnnloss.Fail},
			{wrong, rnnloss.Within(0.1, 0), rnnloss.Pass},
			{wrong, rnnloss.Within(1e-9, 0.1), rnnloss.Inconclusive},
			{rnnloss.Scalar(smallLoss * (1 + 1e-6)), rnnloss.Tolerance{DType: rnnloss.Float32}, rnnloss.Pass},
			{rnnloss.Scalar(math.NaN()), rnnloss.Tolerance{}, rnnloss.Fail},
		} {
			if got := verdictOn(t, encoding, c.claim, c.tolerance).Verdict; got != c.want {
				t.Errorf("%v within %v: %s, want %s", c.claim.Floats(), c.tolerance, got, c.want)
			}
		}
	})
}

// A claim of F32 is judged by F32's tolerance, which F64 tensors would not have.
func TestDTypeOfClaims(t *testing.T) {
	request := judged()
	request.Claims = map[string]rnnloss.Tensor{"terms.fr_sd.loss": rnnloss.F32([]float32{0.015155444566227676})}
	report, err := newClient(t).Validate(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != rnnloss.Pass || report.Claims["terms.fr_sd.loss"].Tolerance.DType != rnnloss.Float32 {
		t.Errorf("%+v", report)
	}
}

func TestClaimsThatCannotBeJudged(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		for name, claims := range map[string]map[string]rnnloss.Tensor{
			"none":             {},
			"of another shape": {"gradients.pred": rnnloss.F32([]float32{1, 2})},
			"of no tensor":     {"gradients.fr": rnnloss.F32([]float32{1, 2})},
			"of no term":       {"terms.fr_vc.loss": rnnloss.Scalar(1)},
			"no number":        {"loss": rnnloss.F64([]float64{1, 2})},
		} {
			request := &rnnloss.ValidateRequest{Request: *small(), Claims: claims}
			request.Encoding = encoding
			_, err := newClient(t).Validate(context.Background(), request)
			if problem := errorOf(t, err); problem.Type != "invalid-claim" || problem.Status != 422 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Of two claims where one's path begins the other's, the daemon is told, not the client's opinion.
func TestClaimsInEachOthersWay(t *testing.T) {
	request := &rnnloss.ValidateRequest{Request: *small(), Claims: map[string]rnnloss.Tensor{
		"terms.mse": rnnloss.Scalar(1), "terms.mse.loss": rnnloss.Scalar(1),
	}}
	request.Encoding = rnnloss.JSON
	_, err := newClient(t).Validate(context.Background(), request)
	wantError(t, err, "duplicate", 400)
}
