package interop

import (
	"context"
	"os"

	"tandem/interop/phones"
	"tandem/interop/story"
	"tandem/interop/suite"
)

// programs are the telephones of others that can play: programs where they are
// installed, JsSIP in a browser, and the library diago, which is part of this one. They
// are played from this machine's loopback: the browser over WSS, the others over UDP.
func programs() []suite.Player {
	list := []suite.Player{{Name: "diago", Title: "An endpoint on the libraries sipgo and diago", Start: startDiago}}
	for _, p := range []struct {
		name, title string
		proto       phones.Proto
	}{{"baresip", "baresip", phones.UDP}, {"linphonec", "Linphone's linphonec", phones.UDP}, {"jssip", "JsSIP in Chromium", phones.WSS}} {
		list = append(list, suite.Player{Name: p.name, Title: p.title, Missing: phones.Missing(p.name), Browser: p.proto == phones.WSS,
			Start: func(ctx context.Context, s suite.Seat) (story.Party, func(), error) {
				return startProgram(ctx, p.name, s, p.proto)
			}})
	}
	return list
}

func account(s suite.Seat, proto phones.Proto) phones.Account {
	return phones.Account{User: s.User, Password: s.Password, Domain: s.Domain, Port: int(s.Server.Port()), Proto: proto}
}

func startDiago(ctx context.Context, s suite.Seat) (story.Party, func(), error) {
	d, err := phones.StartDiago(ctx, account(s, phones.UDP), s.Tone)
	if err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Close() }, nil
}

func startProgram(ctx context.Context, name string, s suite.Seat, proto phones.Proto) (story.Party, func(), error) {
	dir, err := os.MkdirTemp("", "peer") // short: baresip cuts names of devices
	if err != nil {
		return nil, nil, err
	}
	p, err := phones.StartParty(ctx, name, dir, account(s, proto), s.Tone)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return p, func() { _ = p.Close(); _ = os.RemoveAll(dir) }, nil
}
