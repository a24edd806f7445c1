package ng

import (
	"fmt"
	"strings"
	"testing"
)

// described is a description with one line of audio.
func described(port, proto, formats string, more ...string) string {
	text := "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " + port + " " + proto + " " + formats + "\r\n"
	for _, line := range more {
		text += line + "\r\n"
	}
	return text
}

// placed is the address and port of a description.
func placed(t *testing.T, text string) string {
	t.Helper()
	_, rest, _ := strings.Cut(text, "c=IN IP4 ")
	host, _, _ := strings.Cut(rest, "\r\n")
	return fmt.Sprint(host, " ", port(t, text))
}

const aKey = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"

// Two branches that are offered differently, on different networks, are told apart,
// in whichever way the proxy names them in its answers.
func TestBranchesAreOfferedDifferently(t *testing.T) {
	for _, name := range []string{"by Via", "by tag", "by what fits"} {
		for _, answers := range []string{"plain", "secured"} {
			t.Run(name+", "+answers, func(t *testing.T) {
				c, _ := serve(t)
				offer := func(via, proto, network string) string {
					return ask(t, c, Dict{
						"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "via-branch": via,
						"transport-protocol": proto, "direction": []string{"outside", network},
					}).String("sdp")
				}
				plain := offer("z9hG4bK1", "RTP/AVP", "inside")
				secured := offer("z9hG4bK2", "RTP/SAVP", "outside")
				if placed(t, plain) == placed(t, secured) || strings.Contains(plain, "a=crypto") || !strings.Contains(secured, "a=crypto") {
					t.Fatalf("offered\n%s\nand\n%s", plain, secured)
				}
				r := Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b-" + answers}
				via := "z9hG4bK1"
				if r["sdp"] = described("7100", "RTP/AVP", "0"); answers == "secured" {
					r["sdp"], via = described("7200", "RTP/SAVP", "0", aKey), "z9hG4bK2"
				}
				if name == "by Via" || name == "by tag" {
					r["via-branch"] = via
				}
				first := ask(t, c, r).String("sdp")
				if name == "by tag" { // as with the 200 after a 183
					delete(r, "via-branch")
				}
				again := ask(t, c, r).String("sdp")
				if placed(t, first) != placed(t, again) || strings.Contains(first, "a=crypto") {
					t.Errorf("the caller is told\n%s\nand then\n%s", first, again)
				}
				// In mid-call the branch that answered is the far side.
				hold := ask(t, c, Dict{
					"command": "offer", "call-id": "x", "from-tag": "a", "to-tag": "b-" + answers,
					"sdp": strings.Replace(sdpA, "m=audio", "a=sendonly\r\nm=audio", 1),
				}).String("sdp")
				want := plain
				if answers == "secured" {
					want = secured
				}
				if placed(t, hold) != placed(t, want) || !strings.Contains(hold, "a=sendonly") {
					t.Errorf("in mid-call the far side is offered\n%s\nat first\n%s", hold, want)
				}
			})
		}
	}
}

// Each answer tells the caller what the branch that gave it speaks, also when it is
// the same branch, and a codec that nobody can convert.
func TestAnswerOfTheBranchThatSpeaks(t *testing.T) {
	for _, tag := range []string{"b2", "b1"} {
		t.Run(tag, func(t *testing.T) {
			c, _ := serve(t)
			ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": described("7000", "RTP/AVP", "8 18", "a=rtpmap:18 G729/8000")})
			answer := func(tag, formats, port string) string {
				return ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": tag, "sdp": described(port, "RTP/AVP", formats)}).String("sdp")
			}
			first, second := answer("b1", "8", "7100"), answer(tag, "18", "7200")
			if !strings.Contains(first, "RTP/AVP 8\r\n") || !strings.Contains(second, "RTP/AVP 18\r\n") || port(t, first) != port(t, second) {
				t.Errorf("the caller is told\n%s\nand then\n%s", first, second)
			}
		})
	}
}

// A branch that lost is deleted without harm to the call.
func TestBranchIsDeleted(t *testing.T) {
	c, m := serve(t)
	for _, via := range []string{"1", "2"} {
		ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "via-branch": via})
	}
	ask(t, c, Dict{"command": "delete", "call-id": "x", "from-tag": "a", "via-branch": "1"})
	session := m.Session("x")
	if session == nil || len(session.Branches()) != 1 {
		t.Fatal("the call, or both branches, went with one")
	}
	ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b2", "sdp": sdpB, "via-branch": "2"})
	ask(t, c, Dict{"command": "delete", "call-id": "x", "from-tag": "a", "via-branch": "2"})
	if m.Session("x") != nil {
		t.Error("the call outlives its last branch")
	}
}
