// Package problem is the answer to a request that failed: problem details of
// RFC 9457 with a stable code that programs can test, and a remedy that people
// can follow.
//
// It knows no room: who maps the errors of rooms to problems calls New.
package problem

import (
	"net/http"
	"strconv"
	"time"
)

// ContentType of a problem (RFC 9457 §3).
const ContentType = "application/problem+json"

// Problem is an answer that is not a success, and the error that becomes it.
type Problem struct {
	Title  string  `json:"title" doc:"Standard phrase of the status"`
	Status int     `json:"status" doc:"HTTP status code"`
	Code   string  `json:"code" doc:"Stable name of the problem, for programs" example:"user_unknown"`
	Detail string  `json:"detail,omitempty" doc:"What went wrong this time, for people"`
	Remedy string  `json:"remedy,omitempty" doc:"What to do about it"`
	Faults []Fault `json:"errors,omitempty" doc:"Each part of the request that is at fault"`

	retry time.Duration
	cause error
}

// Fault is one part of a request that is at fault.
type Fault struct {
	Where string `json:"location" doc:"The place in the request, such as body.display or query.limit"`
	What  string `json:"message" doc:"What is wrong with it"`
}

// New makes a problem of an HTTP status, a stable code and a sentence.
func New(status int, code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Invalid is the problem of a value that makes no sense.
func Invalid(code, detail, remedy string) *Problem {
	return New(http.StatusUnprocessableEntity, code, detail).Fix(remedy)
}

// Unknown is the problem of a thing that is not there.
func Unknown(code, detail, remedy string) *Problem {
	return New(http.StatusNotFound, code, detail).Fix(remedy)
}

// Fix adds what to do about the problem.
func (p *Problem) Fix(remedy string) *Problem {
	p.Remedy = remedy
	return p
}

// After tells the client to try again then (RFC 9110 §10.2.3).
func (p *Problem) After(d time.Duration) *Problem {
	p.retry = d
	return p
}

// Because keeps the cause for the log; it never reaches the client.
func (p *Problem) Because(err error) *Problem {
	p.cause = err
	return p
}

// Error is the detail and the remedy in one line.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, f := range p.Faults {
		text += "; " + f.Where + ": " + f.What
	}
	if p.Remedy != "" {
		text += ": " + p.Remedy
	}
	return text
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus is the HTTP status; huma asks for it by this name.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are further headers of the answer; huma asks for them by this name.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(max(p.retry, time.Second)/time.Second)))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="tandem"`) // RFC 6750 §3
	}
	return h
}

// ContentType turns the type of an answer into that of a problem.
func (p *Problem) ContentType(string) string { return ContentType }
