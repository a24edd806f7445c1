package server

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/im"
	imstore "tandem/rtc/im/sqlstore"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// openMessages builds the room of instant messages on what is kept.
func (s *Server) openMessages(ctx context.Context, cfg *config.Config) error {
	m := cfg.Messages
	s.messages = im.New(im.Config{
		Layer:    s.layer,
		Uac:      uac.Config{Wire: uac.Over(s.transport), Resolver: s.resolver, Permit: s.peers.Permit, Chosen: s.peers.Chosen},
		Reach:    s.reach,
		Location: s.location,
		Users:    s.users,
		Store:    imstore.New(s.store),
		Log:      s.log,
		Domain:   cfg.Domains[0],
		TempGRUU: func(uri sip.URI) (rtc.AOR, string, bool) {
			return s.gruu.Temp(s.location, uri)
		},
		PeerAt:      s.peerAt,
		Shape:       s.phones.ShapeOf,
		Rule:        func(a im.Ask) im.Verdict { return s.rules.MayWrite(a) },
		Report:      func(sender, receiver rtc.AOR) bool { return s.rules.MayKnow(sender, receiver) },
		Tell:        s.tellMessage,
		Best:        m.Deliver == "best",
		Copies:      m.Copies,
		Keep:        cmp.Or(m.Keep, -time.Second), // 0 is none
		MaxBody:     m.Octets,
		MaxMessages: m.Mailbox,
		MaxOctets:   m.Bytes,
		Rate:        float64(cmp.Or(m.Rate, -1)),
		Burst:       m.Burst,
	})
	if err := s.messages.Load(ctx); err != nil {
		return err
	}
	s.location.Watch(s.messages.Watch)
	return nil
}

func (s *Server) messageMetrics(m meter) {
	st := s.messages.Stats()
	m.gauge("messages_waiting", "Messages kept for users who are away", float64(st.Waiting))
	m.counter("messages_delivered_total", "Messages taken by a device", st.Delivered)
	m.counter("messages_kept_total", "Messages kept for later", st.Kept)
	m.counter("messages_held_total", "Messages kept for the consent of their receivers", st.Held)
	m.counter("messages_refused_total", "Messages refused by rules and limits", st.Refused)
	m.counter("messages_expired_total", "Messages kept and not fetched in time", st.Expired)
}

// tellMessage publishes what becomes of a message.
func (s *Server) tellMessage(e im.Event) {
	s.state.Tell("message."+e.Kind, op.Resource("users", string(e.To), "messages", strconv.FormatInt(e.ID, 10)), access.Read("messages"), func() any {
		return map[string]string{"from": string(e.From), "to": string(e.To)}
	})
}

// Messages of the server.
func (s *Server) Messages() *im.IM { return s.messages }
