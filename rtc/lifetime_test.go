package rtc

import (
	"testing"
	"time"

	"tandem/rtc/sip"
)

func TestLifetime(t *testing.T) {
	l := Lifetime{Default: 30 * time.Minute, Least: time.Minute, Longest: 45 * time.Minute}
	long := Lifetime{Default: 24 * time.Hour, Least: 2 * time.Hour, Longest: 24 * time.Hour}
	for _, c := range []struct {
		of     Lifetime
		lines  string
		want   time.Duration
		code   int
		header string
	}{
		{l, "", 30 * time.Minute, 0, ""},
		{l, "Expires: 600\r\n", 10 * time.Minute, 0, ""},
		{l, "Expires: 60\r\n", time.Minute, 0, ""},
		{l, "Expires: 59\r\n", 0, 423, "Min-Expires: 60\r\n"},
		{l, "Expires: 0\r\n", 0, 0, ""},
		{l, "Expires: 86400\r\n", 45 * time.Minute, 0, ""},
		{l, "Expires: 4294967295\r\n", 45 * time.Minute, 0, ""},
		{l, "Expires: soon\r\n", 0, 400, ""},
		// RFC 6665 §4.2.1.1: only what is shorter than an hour may be refused.
		{long, "Expires: 3600\r\n", time.Hour, 0, ""},
		{long, "Expires: 3599\r\n", 0, 423, "Min-Expires: 7200\r\n"},
	} {
		var m sip.Message
		if err := m.Parse([]byte("SUBSCRIBE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n" +
			"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: a\r\nCSeq: 1 SUBSCRIBE\r\n" + c.lines + "\r\n")); err != nil {
			t.Fatal(err)
		}
		d, err := c.of.Asked(&m)
		st, _ := err.(*Status)
		if st == nil {
			st = &Status{}
		}
		if d != c.want || st.Code != c.code || string(st.Header) != c.header {
			t.Errorf("%q: %v, %v, want %v, %d %q", c.lines, d, err, c.want, c.code, c.header)
		}
	}
}
