package im

import (
	"bytes"
	"errors"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Archive is the one place every message passes before it is acknowledged: also
// one that is refused by the device later, is held, comes from the API, or is
// acknowledged to a sender whom its receiver has blocked politely. What is not for
// this package does not pass: messages to other domains and those within a dialog,
// which the proxy routes, and chats in sessions. Nor do messages that only say that
// somebody is typing.
//
// Messages of one sender to one receiver are acknowledged and delivered in the order in
// which they came, whichever the archive has first.
type Archive interface {
	// Record keeps a message. done is called once when it is kept, or cannot be:
	// then the message is not delivered, and its sender is told to try again. It
	// may be called before Record returns, or later from any goroutine that is not
	// on a lane. Record must not block, and is called on a lane. An error it
	// returns means that done is not called.
	Record(m Record, done func(error)) error
}

// Record is a message as an Archive gets it.
type Record struct {
	Time     time.Time
	From, To rtc.AOR
	CallID   string // finds the conversation in traces and logs
	Type     string // of the body
	Body     []byte
	Notice   bool // a report about another message (RFC 5438)
}

// archived calls go on, on the lane, when the archive has the message.
func (im *IM) archived(f *flight, goOn func()) {
	if im.cfg.Archive == nil || f.kind == fleeting {
		goOn()
		return
	}
	w := im.lines.join(f, goOn)
	if w == nil {
		f.passed(errLine, goOn)
		return
	}
	var turn meeting
	m := f.message()
	var failure error
	err := im.cfg.Archive.Record(Record{
		Time: time.Now(), From: f.from, To: f.to, CallID: string(m.CallID()), Type: string(m.Get(sip.HdrContentType)),
		Body: bytes.Clone(m.Body()), Notice: f.kind == notice,
	}, func(err error) {
		failure = err
		if turn.second() && im.lines.done(w, failure) {
			im.lines.release(w)
		}
	})
	if err == nil && !turn.second() {
		return
	}
	if err == nil { // it was done before Record returned
		err = failure
	}
	if im.lines.done(w, err) {
		f.passed(err, goOn)
		if behind := im.lines.next(w); behind != nil {
			go im.lines.release(behind) // ends with those that are ready; not here, on a lane
		}
	}
}

var (
	errArchive = errors.New("the message could not be archived")
	errLine    = errors.New("too many messages of the sender wait for the archive")
)

func (f *flight) passed(err error, goOn func()) {
	if err == nil {
		goOn()
		return
	}
	f.im.log.Error("message not archived", "aor", string(f.to), "err", err)
	f.answer(&rtc.Status{Code: 503, Header: []byte("Retry-After: 10\r\n"), Err: errors.Join(errArchive, err)})
	f.over()
}
