package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/outbox"
	"tandem/cmd/tandem/api/problem"
	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/directory"
	"tandem/rtc/im"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/store"
	"tandem/sipphone"
	"tandem/sipphone/invite"
	"tandem/sipphone/waiting"
	"tandem/telephony/dialplan"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/settings"
)

// kinds are the errors of the rooms and what they are to a client.
var kinds = []struct {
	err    error
	status int
	code   string
	retry  time.Duration
}{
	{directory.ErrUnknownUser, http.StatusNotFound, "user_unknown", 0},
	{directory.ErrUnknownDevice, http.StatusNotFound, "device_unknown", 0},
	{directory.ErrUnknownAlias, http.StatusNotFound, "alias_unknown", 0},
	{directory.ErrUnknownDomain, http.StatusUnprocessableEntity, "domain_unknown", 0},
	{directory.ErrExists, http.StatusConflict, "taken", 0},
	{directory.ErrTooMany, http.StatusConflict, "too_many", 0},
	{directory.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{access.ErrUnknownToken, http.StatusNotFound, "token_unknown", 0},
	{access.ErrTokenTaken, http.StatusConflict, "taken", 0},
	{access.ErrTokenInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{access.ErrTooMany, http.StatusConflict, "too_many", 0},
	{outbox.ErrUnknown, http.StatusNotFound, "webhook_unknown", 0},
	{outbox.ErrTaken, http.StatusConflict, "taken", 0},
	{outbox.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{outbox.ErrTooMany, http.StatusConflict, "too_many", 0},
	{gateways.ErrUnknown, http.StatusNotFound, "trunk_unknown", 0},
	{gateways.ErrExists, http.StatusConflict, "taken", 0},
	{gateways.ErrTooMany, http.StatusConflict, "too_many", 0},
	{gateways.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{settings.ErrTarget, http.StatusUnprocessableEntity, "invalid", 0},
	{settings.ErrRingTime, http.StatusUnprocessableEntity, "invalid", 0},
	{group.ErrUnknown, http.StatusNotFound, "group_unknown", 0},
	{group.ErrExists, http.StatusConflict, "taken", 0},
	{group.ErrTooMany, http.StatusConflict, "too_many", 0},
	{group.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{dialplan.ErrUnknown, http.StatusNotFound, "rule_unknown", 0},
	{dialplan.ErrExists, http.StatusConflict, "taken", 0},
	{dialplan.ErrTooMany, http.StatusConflict, "too_many", 0},
	{dialplan.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{guard.ErrUnknown, http.StatusNotFound, "limit_unknown", 0},
	{guard.ErrTooMany, http.StatusConflict, "too_many", 0},
	{guard.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{policy.ErrUnknown, http.StatusNotFound, "rule_unknown", 0},
	{policy.ErrTooMany, http.StatusConflict, "too_many", 0},
	{policy.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{consent.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{consent.ErrTooMany, http.StatusConflict, "too_many", 0},
	{sipphone.ErrUnknown, http.StatusNotFound, "phone_unknown", 0},
	{sipphone.ErrExists, http.StatusConflict, "taken", 0},
	{sipphone.ErrTooMany, http.StatusConflict, "too_many", 0},
	{sipphone.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{contacts.ErrUnknown, http.StatusNotFound, "contact_unknown", 0},
	{contacts.ErrTooMany, http.StatusConflict, "too_many", 0},
	{contacts.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{im.ErrUnknown, http.StatusNotFound, "message_unknown", 0},
	{consent.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{consent.ErrTooMany, http.StatusConflict, "too_many", 0},
	{invite.ErrTooMany, http.StatusConflict, "too_many", 0},
	{waiting.ErrInvalid, http.StatusUnprocessableEntity, "invalid", 0},
	{store.ErrConflict, http.StatusConflict, "taken", 0},
	{store.ErrQueueFull, http.StatusServiceUnavailable, "store_busy", time.Second},
	{store.ErrFull, http.StatusServiceUnavailable, "disk_full", time.Minute},
	{store.ErrReadOnly, http.StatusServiceUnavailable, "store_read_only", time.Minute},
	{store.ErrLocked, http.StatusServiceUnavailable, "store_locked", 5 * time.Second},
	{store.ErrCorrupt, http.StatusServiceUnavailable, "store_damaged", time.Minute},
	{store.ErrClosed, http.StatusServiceUnavailable, "stopping", 5 * time.Second},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "too_slow", 5 * time.Second},
}

// explain is what an error of a room is to a client, nil when it is unforeseen.
func explain(err error) *problem.Problem {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			detail, remedy := split(err, k.err)
			return problem.New(k.status, k.code, detail).Fix(remedy).After(k.retry).Because(err)
		}
	}
	var s *rtc.Status
	if errors.As(err, &s) {
		return ofStatus(s)
	}
	return nil
}

// split takes the remedy off an error: our rooms write "what: kind: remedy".
func split(err, kind error) (detail, remedy string) {
	var own *store.Error
	if errors.As(err, &own) && own.Remedy != "" {
		return own.Kind.Error(), own.Remedy // without the path and the driver's words
	}
	text := err.Error()
	at := strings.Index(text, kind.Error())
	if strings.ContainsRune(text, '\n') || at < 0 {
		return text, ""
	}
	if i := strings.LastIndex(text[at:], ": "); i >= 0 {
		return text[:at+i], text[at+i+2:]
	}
	return text, ""
}

// ofStatus is the problem of a SIP status: its class decides, and the code names it. Of
// those that HTTP does not have, an address that is not complete (484) and a call that has
// ended (481) are not found, and the others stand against the state in which a call or a
// user is: one is busy, not there, or in the middle of something.
func ofStatus(s *rtc.Status) *problem.Problem {
	status := s.Code
	switch {
	case status == 484 || status == 481:
		status = http.StatusNotFound
	case status >= 480 && status < 500:
		status = http.StatusConflict
	case status == http.StatusServiceUnavailable:
		return problem.New(status, "overloaded", s.Reason).After(5 * time.Second).Because(s)
	case status < 400 || status >= 500 || http.StatusText(status) == "":
		status = http.StatusBadGateway
	}
	detail := s.Reason
	if detail == "" {
		detail = (&rtc.Status{Code: s.Code}).Error()
	}
	return problem.New(status, "sip_failure", detail).Because(s)
}
