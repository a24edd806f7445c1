package softphone

import (
	"bytes"
	"net"
	"strconv"
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// correct stands between diago and an incoming request and puts right what
// diago gets wrong. It lets diago see only the audio line of an offer, since it
// fails on offers with several media lines, and refuses the others in the
// answer with port 0 (RFC 3264 §6). And it completes the Contact of answers.
func correct(next sipgo.RequestHandler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if req.IsInvite() {
			corrected := &answering{ServerTransaction: tx, local: localOf(tx)}
			if offer, refused, ok := splitOffer(req.Body()); ok {
				req.SetBody(offer)
				corrected.lines = refused
			}
			tx = corrected
		}
		next(req, tx)
	}
}

// answering is an INVITE's transaction.
type answering struct {
	sip.ServerTransaction
	local string       // host:port of the connection the request came by
	lines refusedLines // to be added to answers
}

func (t *answering) Respond(res *sip.Response) error {
	if h := res.ContentType(); h != nil && strings.HasPrefix(h.Value(), "application/sdp") && !t.lines.in(res.Body()) {
		res.SetBody(t.lines.add(res.Body()))
	}
	complete(res.Contact(), t.local)
	return t.ServerTransaction.Respond(res)
}

// localOf is the own end of the connection a request came by, "" if unknown.
func localOf(tx sip.ServerTransaction) string {
	if c, ok := tx.(interface{ Connection() sip.Connection }); ok && c.Connection() != nil {
		return c.Connection().LocalAddr().String()
	}
	return ""
}

// complete gives a Contact without a port that of the connection used, by
// which alone a phone can be reached over a stream.
func complete(c *sip.ContactHeader, local string) {
	if c == nil || c.Address.Port != 0 || c.Address.Host == "" {
		return
	}
	host, port, err := net.SplitHostPort(local)
	if err != nil {
		return
	}
	c.Address.Host = host
	c.Address.Port, _ = strconv.Atoi(port)
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
