package softphone

import (
	"bytes"
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// audioOnly lets diago see only the audio line of an offer, since it fails on
// offers with several media lines, and refuses the other lines in the answer
// with port 0 (RFC 3264 §6).
func audioOnly(next sipgo.RequestHandler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if req.IsInvite() {
			if offer, refused, ok := splitOffer(req.Body()); ok {
				req.SetBody(offer)
				tx = &refusing{ServerTransaction: tx, lines: refused}
			}
		}
		next(req, tx)
	}
}

// refusing adds the refused media lines to the answers of a transaction.
type refusing struct {
	sip.ServerTransaction
	lines refusedLines
}

func (t *refusing) Respond(res *sip.Response) error {
	if h := res.ContentType(); h != nil && strings.HasPrefix(h.Value(), "application/sdp") && !t.lines.in(res.Body()) {
		res.SetBody(t.lines.add(res.Body()))
	}
	return t.ServerTransaction.Respond(res)
}

// refusedLines are the m= lines around the one audio line kept.
type refusedLines struct{ before, after []byte }

func (l refusedLines) in(body []byte) bool { return bytes.Count(body, []byte("\nm=")) > 1 }

func (l refusedLines) add(answer []byte) []byte {
	at := bytes.Index(answer, []byte("\nm="))
	if at < 0 {
		return answer
	}
	out := append([]byte{}, answer[:at+1]...)
	out = append(out, l.before...)
	out = append(out, answer[at+1:]...)
	if !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\r', '\n')
	}
	return append(out, l.after...)
}

// splitOffer keeps the session part and the first audio section of an offer;
// ok is false when there is nothing to split off.
func splitOffer(body []byte) (offer []byte, refused refusedLines, ok bool) {
	sections := bytes.SplitAfter(body, []byte("\n"))
	section, kept := -1, -1
	for _, line := range sections {
		if bytes.HasPrefix(line, []byte("m=")) {
			section++
			if kept < 0 && bytes.HasPrefix(line, []byte("m=audio ")) {
				kept = section
			}
		}
	}
	if section < 1 || kept < 0 {
		return nil, refused, false
	}
	section = -1
	for _, line := range sections {
		if bytes.HasPrefix(line, []byte("m=")) {
			section++
			if section < kept {
				refused.before = append(refused.before, refuse(line)...)
			} else if section > kept {
				refused.after = append(refused.after, refuse(line)...)
			}
		}
		if section == -1 || section == kept {
			offer = append(offer, line...)
		}
	}
	return offer, refused, true
}

// refuse sets the port of a media line to 0.
func refuse(line []byte) []byte {
	parts := strings.Fields(string(line))
	if len(parts) > 1 {
		parts[1] = "0"
	}
	return []byte(strings.Join(parts, " ") + "\r\n")
}
