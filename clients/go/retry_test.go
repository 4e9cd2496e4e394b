package rnnloss

import (
	"io"
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	for round, most := range []time.Duration{0: 100, 1: 200, 2: 400, 3: 800, 4: 1600, 5: 2000, 6: 2000, 100: 2000} {
		if most == 0 {
			continue
		}
		longest := time.Duration(0)
		for i := 0; i < 2000; i++ {
			wait := pause(round)
			if wait < 0 || wait > most*time.Millisecond {
				t.Fatalf("a pause of %v before round %d", wait, round)
			}
			longest = longer(longest, wait)
		}
		if longest < most*time.Millisecond*9/10 {
			t.Errorf("before round %d no pause is longer than %v", round, longest)
		}
	}
}

func TestRounds(t *testing.T) {
	for attempt, want := range []int{0: -1, 1: -1, 2: 1, 3: -1, 4: -1, 5: 2} { // of three endpoints
		if round, begins := nextRound(attempt, 3); begins != (want > 0) || begins && round != want {
			t.Errorf("after attempt %d: round %d, %v", attempt, round, begins)
		}
	}
	if round, begins := nextRound(1, 1); round != 2 || !begins {
		t.Errorf("round %d, %v", round, begins)
	}
}

func TestRetryAfterInItsForms(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999": longestWait * time.Second, "99999999999999999999999": longestWait * time.Second} {
		if got := retryAfter(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if got := retryAfter(time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")); got < 59*time.Minute || got > time.Hour {
		t.Error(got)
	}
}

func TestBodyIsReadOnceAndThenNoMore(t *testing.T) {
	pieces := body{[]byte("he"), nil, []byte("llo")}
	for i := 0; i < 2; i++ { // each attempt reads it from its beginning
		text, err := io.ReadAll(pieces.reader())
		if err != nil || string(text) != "hello" || pieces.length() != 5 {
			t.Fatal(string(text), err)
		}
	}
	reader := pieces.reader()
	reader.Close()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
}
