package gateway

import (
	"time"

	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/dialog"
)

// Deed is what a request asks for.
type Deed uint8

// The deeds.
const (
	Ask  Deed = iota + 1 // a service (INVITE)
	Move                 // another time (re-INVITE)
	Stop                 // its end (BYE, CANCEL)
)

// Row is one request, for the record of who asked for what.
type Row struct {
	Deed    Deed
	Order   pint.Order
	Session *pint.Session // that it is about, as it was then; nil: none was taken on
	Passed  bool          // to a registered gateway, which carries it out
	Refused error         // why it was, nil when it was not
}

// record puts a request on record. When that is on disk, or cannot be, it calls then from
// another goroutine. Answers wait for it: what nobody could be held to account for is not
// taken on.
func (g *Gateway) record(row Row, then func(lost error)) {
	if g.cfg.Record == nil {
		go then(nil)
		return
	}
	if err := g.cfg.Record(row, then); err != nil {
		go then(err)
	}
}

// tellLost logs that the row of a request cannot be kept.
func (g *Gateway) tellLost(lost error) {
	g.cfg.Log.Error("audit row of a PINT request not kept", "err", lost)
}

// unrecorded is the answer to a request that is not taken on, since its row cannot be kept.
func (g *Gateway) unrecorded(lost error) error {
	g.tellLost(lost)
	return &pint.Refusal{Code: 503, After: 5 * time.Second, Text: "the request could not be put on record"}
}

// refuse answers a request that makes no dialog by an error, once that is on record. It is
// called on the lane.
func (g *Gateway) refuse(r *rtc.Request, row Row) error {
	r.Hold()
	g.record(row, func(lost error) {
		if lost != nil {
			row.Refused = g.unrecorded(lost)
		}
		r.Resume(g.refusal(row.Refused))
	})
	return nil
}

// reject answers the INVITE of a session by an error, once that is on record.
func (g *Gateway) reject(s *dialog.Session, row Row) {
	g.record(row, func(lost error) {
		if lost != nil {
			row.Refused = g.unrecorded(lost)
		}
		st := g.refusal(row.Refused)
		s.Do(func() { _ = s.Reject(st.Code, dialog.Content{Header: st.Header}) }) // it may have been cancelled
	})
}
