package camara

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"tandem/pint"
	"tandem/pint/service"
	"tandem/pint/sink"
)

// status is the state of a session in the words of CAMARA.
func status(s pint.State) string {
	switch s {
	case pint.Dialling:
		return "callingCaller"
	case pint.Joining:
		return "callingCallee"
	case pint.Connected:
		return "connected"
	case pint.Completed, pint.Cancelled:
		return "disconnected"
	case pint.Failed:
		return "failed"
	}
	return "initiating"
}

// reason is why a session has ended, in the words of CAMARA: the caller is B.
func reason(s *pint.Session) string {
	who := "callee"
	if s.Missed == service.B {
		who = "caller"
	}
	switch {
	case s.State == pint.Completed:
		return "hangUp"
	case s.State == pint.Cancelled:
		return "other"
	case s.EndedBy == "B":
		return "callerAbandon"
	case s.Missed == "":
		return "other"
	case s.Code == 486 || s.Code == 600:
		return who + "Busy"
	case s.Code == 408 || s.Code == 480 || s.Code == 487:
		return who + "NoAnswer"
	}
	return who + "Failure"
}

// recorded is what became of the wish to have a call recorded, "" when there was none.
func recorded(s *pint.Session) string {
	switch {
	case !s.Record:
		return ""
	case s.Recording != "":
		return "success"
	case s.Connected.IsZero():
		return "noRecord"
	}
	return "fail"
}

// event is a CloudEvent in structured mode.
type event struct {
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	SpecVersion string    `json:"specversion"`
	Type        string    `json:"type"`
	ContentType string    `json:"datacontenttype"`
	Time        time.Time `json:"time"`
	Data        data      `json:"data"`
}

type data struct {
	Call      string    `json:"callId"`
	Caller    string    `json:"caller"`
	Callee    string    `json:"callee"`
	Status    state     `json:"status"`
	Duration  string    `json:"callDuration,omitempty"`
	Recording string    `json:"recordingResult,omitempty"`
	Timestamp time.Time `json:"timestamp"`
}

type state struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Encode writes an event of a session for its sink. Steps that change nothing in the
// words of CAMARA are not sent.
func Encode(s *pint.Session, n int) sink.Message {
	e := s.Events[n]
	if n > 0 && status(s.Events[n-1].State) == status(e.State) {
		return sink.Message{}
	}
	d := data{Call: s.ID, Caller: s.B.Number, Callee: s.A.Number, Status: state{State: status(e.State)}, Timestamp: e.Time}
	if e.State.Final() {
		d.Status.Reason = reason(s)
		d.Duration = strconv.Itoa(int(s.Talked().Seconds()))
		d.Recording = recorded(s)
	}
	id := uuid(s.ID, n)
	b, _ := json.Marshal(event{ID: id, Source: Base, SpecVersion: "1.0", Type: "org.camaraproject.click-to-dial.v0.status-changed", // cannot fail
		ContentType: "application/json", Time: e.Time, Data: d})
	return sink.Message{ID: id, Type: "application/cloudevents+json", Body: b}
}

// uuid is the same for the same event (RFC 9562 §5.8).
func uuid(session string, n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d", session, n))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
