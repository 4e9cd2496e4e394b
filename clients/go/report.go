package rnnloss

import "encoding/json"

// Verdict on a claim.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive" // excused by an absolute tolerance that would excuse a wrong factor too
)

// Report says of each claim whether it is right, and if not, what may have been computed instead.
type Report struct {
	// Verdict is Pass if all claims pass, Fail if any fails, otherwise Inconclusive. (On the wire it is valid: true,
	// false, null.)
	Verdict      Verdict
	Contract     int              // by which definitions
	Version      string           // by which daemon
	InputsSHA256 string           // what was judged, for the record
	Tolerance    JudgedTolerance  // the loosest of all claims'
	Claims       map[string]Claim // by path
	// JSON is the report as it came, with whatever this client doesn't know.
	JSON json.RawMessage
}

// JudgedTolerance is the tolerance that was used: RTol and ATol, or ULPs; those that weren't are nil.
type JudgedTolerance struct {
	DType  DType   `json:"dtype"`
	RTol   *Number `json:"rtol"`
	ATol   *Number `json:"atol"`
	ULPs   *Number `json:"ulps"`
	Source string  `json:"source"`
}

// Claim is the judgement of one claim.
type Claim struct {
	Verdict Verdict `json:"verdict"`
	// Claimed and Canonical are both values, of a number; nil of a gradient. Their Hex are C99 hexadecimal floats.
	Claimed      *Number         `json:"claimed"`
	ClaimedHex   string          `json:"claimed_hex"`
	Canonical    *Number         `json:"canonical"`
	CanonicalHex string          `json:"canonical_hex"`
	Tolerance    JudgedTolerance `json:"tolerance"`
	// Largest difference of each kind.
	Largest struct {
		Absolute Difference `json:"absolute"`
		Relative Difference `json:"relative"`
		ULPs     Difference `json:"ulps"`
	} `json:"largest"`
	// FirstMismatch is the first element out of tolerance, nil if there is none.
	FirstMismatch *Difference `json:"first_mismatch"`
	Mismatched    int         `json:"mismatched"` // elements out of tolerance
	Elements      int         `json:"elements"`   // elements in all
	Nonfinite     int         `json:"nonfinite"`  // claimed elements that are not finite
	// Cosine and Scale, of a gradient: of the angle between claim and right value, and the factor between them.
	Cosine *Number `json:"cosine"`
	Scale  *Number `json:"scale"`
	// Diagnosis, of a failed claim: the other definitions that it fits, best first.
	Diagnosis []Diagnosis `json:"diagnosis"`
}

// Difference is one between a claimed and the right element, of a gradient with both of them.
type Difference struct {
	Difference   Number  `json:"difference"`
	Index        []int   `json:"index"` // the element's, empty of a number
	Claimed      *Number `json:"claimed"`
	ClaimedHex   string  `json:"claimed_hex"`
	Canonical    *Number `json:"canonical"`
	CanonicalHex string  `json:"canonical_hex"`
}

// Diagnosis is another definition that fits a claim.
type Diagnosis struct {
	ID       string   `json:"id"`       // stable: "sample-sd"
	Title    string   `json:"title"`    // what was computed instead
	Relation string   `json:"relation"` // how the claim follows from the right value
	Fix      string   `json:"fix"`      // for PyTorch, JAX, numpy
	Value    *Number  `json:"value"`    // what that definition gives; of a gradient the factor
	Releases []string `json:"releases"` // published packages that compute it so
	Weak     bool     `json:"weak"`     // the tolerance is so coarse that chance may explain it
}

func readReport(answer *RawAnswer) (*Report, error) {
	var read struct {
		Valid        *bool            `json:"valid"`
		Contract     int              `json:"contract"`
		Version      string           `json:"version"`
		InputsSHA256 string           `json:"inputs_sha256"`
		Tolerance    JudgedTolerance  `json:"tolerance"`
		Claims       map[string]Claim `json:"claims"`
	}
	if err := readJSON(answer, &read); err != nil {
		return nil, err
	}
	if read.Claims == nil || read.Contract == 0 {
		return nil, unexpected(answer, "it has no claims or no contract")
	}
	verdict := Inconclusive
	if read.Valid != nil && *read.Valid {
		verdict = Pass
	} else if read.Valid != nil {
		verdict = Fail
	}
	return &Report{
		verdict, read.Contract, read.Version, read.InputsSHA256, read.Tolerance, read.Claims, json.RawMessage(answer.Body),
	}, nil
}
