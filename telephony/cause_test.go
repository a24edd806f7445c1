package telephony

import "testing"

func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		end  End
		want int
	}{
		{End{Code: 200}, 16},
		{End{Code: 487}, 16},
		{End{Code: 486}, 17},
		{End{Code: 404}, 1},
		{End{Code: 503}, 41},
		{End{Code: 603}, 21},
		{End{Code: 499}, 31},
		{End{Code: 200, Reason: `Q.850;cause=38;text="Network out of order"`}, 38},
		{End{Code: 486, Reason: "q.850 ;cause=34"}, 34},
		{End{Code: 486, Reason: `SIP;cause=200;text="Call completed elsewhere"`}, 17},
		{End{Code: 486, Reason: "Q.850;cause=999"}, 17},
		{End{Code: 486, Reason: "Q.850"}, 17},
	} {
		if got := int(causeOf(c.end)); got != c.want {
			t.Errorf("%+v: cause %d, want %d", c.end, got, c.want)
		}
	}
}
