package boot

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func cisco7960(b *booting) error {
	settings := make(map[string]string)
	if err := b.lacks("CTLSEP"+b.upper()+".tlv", "SEP"+b.upper()+".cnf.xml"); err != nil {
		return err // it would turn into a phone of Cisco's own call manager
	}
	if _, err := b.try("OS79XX.TXT"); err != nil {
		return err
	}
	for _, path := range []string{"SIPDefault.cnf", "SIP" + b.upper() + ".cnf"} {
		text, err := b.must(path)
		if err != nil {
			return err
		}
		if err := colons(text, settings); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	plan, err := b.must("dialplan.xml")
	if err != nil {
		return err
	}
	if root, err := tree(plan); err != nil || root.name != "DIALTEMPLATE" {
		return fmt.Errorf("dialplan.xml: %v", err)
	}
	if _, err := b.try("RINGLIST.DAT"); err != nil {
		return err
	}
	b.setup.Clock, b.setup.Book, b.setup.Firmware = colonClock(settings), settings["directory_url"], settings["image_version"]
	for n := 1; settings[fmt.Sprintf("line%d_name", n)] != ""; n++ {
		line := func(name string) string { return settings[fmt.Sprintf("line%d_%s", n, name)] }
		if len(line("password")) > 31 {
			return errors.New("the password does not fit")
		}
		b.setup.Accounts = append(b.setup.Accounts, Account{User: line("name"), Login: line("authname"), Password: line("password"),
			Domain: settings["proxy1_address"], Host: settings["proxy1_address"], Port: port(settings["proxy1_port"]), Transport: "udp"})
	}
	for n := 2; n <= 6; n++ {
		if dial := settings[fmt.Sprintf("speed_line%d", n)]; dial != "" {
			b.setup.Keys = append(b.setup.Keys, Key{"dial", dial, settings[fmt.Sprintf("speed_label%d", n)]})
		}
	}
	return nil
}

func ciscoEnterprise(b *booting) error {
	if err := b.lacks("CTLSEP"+b.upper()+".tlv", "ITLSEP"+b.upper()+".tlv", "ITLFile.tlv"); err != nil {
		return err
	}
	path := "SEP" + b.upper() + ".cnf.xml"
	text, err := b.must(path)
	if err != nil {
		return err
	}
	root, err := tree(text)
	if err != nil || root.name != "device" || root.value("deviceProtocol") != "SIP" || root.value("registerWithProxy") != "true" {
		return fmt.Errorf("%s: not the setup of a SIP phone (%v)", path, err)
	}
	locale := root.value("networkLocale")
	if lang := root.all("userLocale"); len(lang) == 1 && strings.HasSuffix(lang[0].value("name"), "_"+locale) {
		b.setup.Language = lang[0].value("langCode")
	}
	b.setup.Clock.Name, b.setup.Book, b.setup.Firmware = root.value("timeZone"), root.value("directoryURL"), root.value("loadInformation")
	transport := map[string]string{"1": "tcp", "2": "udp", "3": "tls"}[root.value("transportLayerProtocol")]
	for _, l := range root.all("line") {
		if l.value("featureID") == "9" {
			if l.value("proxy") != "USECALLMANAGER" || l.value("name") == "" {
				return fmt.Errorf("%s: line without proxy or name", path)
			}
			b.setup.Accounts = append(b.setup.Accounts, Account{User: l.value("name"), Login: l.value("authName"), Password: l.value("authPassword"),
				Domain: root.value("processNodeName"), Host: root.value("processNodeName"), Port: port(root.value("sipPort")), Transport: transport})
		} else {
			kind := map[string]string{"21": "lamp", "2": "dial"}[l.value("featureID")]
			b.setup.Keys = append(b.setup.Keys, Key{kind, l.value("speedDialNumber"), l.value("featureLabel")})
		}
	}
	for _, path := range []string{"dialplan.xml", "ringlist.xml"} {
		if text, err := b.try(path); err != nil {
			return err
		} else if _, err := tree(text); text != "" && err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// flat fetches a flat profile and reads its settings.
func (b *booting) flat(path string) (map[string]string, error) {
	text, err := b.must(path)
	if err != nil {
		return nil, err
	}
	root, err := tree(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	profile := root
	if root.name == "device" {
		list := root.all("flat-profile")
		if len(list) != 1 {
			return nil, fmt.Errorf("%s: %d flat profiles", path, len(list))
		}
		profile = list[0]
	}
	if profile.name != "flat-profile" {
		return nil, fmt.Errorf("%s: <%s>", path, profile.name)
	}
	out := make(map[string]string)
	for _, k := range profile.kids {
		if k.attrs["ua"] != "na" {
			return nil, fmt.Errorf("%s: %s has no ua", path, k.name)
		}
		out[k.name] = strings.TrimSpace(k.text)
	}
	return out, nil
}

var rule = regexp.MustCompile(`^(?:\[--uid (\S+) --pwd (\S+)\])?https?://[^/]+/(\S+)$`)

// follow expands a Profile_Rule to the path it leads to.
func (b *booting) follow(profile map[string]string, names ...string) (string, error) {
	m := rule.FindStringSubmatch(profile["Profile_Rule"])
	if m == nil {
		return "", fmt.Errorf("Profile_Rule %q", profile["Profile_Rule"])
	}
	b.setup.Login, b.setup.Password = m[1], m[2]
	return strings.NewReplacer(append(names, "$MA", b.mac)...).Replace(m[3]), nil
}

var extended = regexp.MustCompile(`fnc=([a-z+]+);sub=([^@]+)@[^;]+;ext=([^@]+)@`)

func (b *booting) lines(p map[string]string) (err error) {
	b.setup.Language, b.setup.Book, b.setup.Firmware = p["Language_Selection"], p["XML_Directory_Service_URL"], p["Upgrade_Rule"]
	b.setup.CA = p["Custom_CA_Rule"] + p["Custom_CA_URL"]
	if b.setup.Pickup = p["Attendant_Console_Call_Pickup_Code"]; b.setup.Pickup != p["Call_Pickup_Code"] {
		return errors.New("two codes to take a call")
	}
	if b.setup.Clock, err = flatClock(p); err != nil {
		return err
	}
	for n := 1; n <= 16; n++ {
		get := func(name string) string { return p[name+"_"+strconv.Itoa(n)+"_"] }
		if user := get("User_ID"); user != "" && get("Register") == "Yes" {
			host, at := hostPort(get("Outbound_Proxy"))
			login := user
			if get("Use_Auth_ID") == "Yes" {
				login = get("Auth_ID")
			}
			b.setup.Accounts = append(b.setup.Accounts, Account{User: user, Login: login, Password: get("Password"), Domain: get("Proxy"),
				Host: host, Port: at, Transport: strings.ToLower(get("SIP_Transport"))})
		}
		if m := extended.FindStringSubmatch(get("Extended_Function")); m != nil {
			kind := "dial"
			if strings.Contains(m[1], "blf") {
				kind = "lamp"
			}
			b.setup.Keys = append(b.setup.Keys, Key{kind, m[2], get("Short_Name")})
		}
	}
	return nil
}

func ciscoSPA(b *booting) error {
	first, err := b.flat("init.cfg") // from a factory that was told a server by DHCP
	if err != nil {
		return err
	}
	if own, err := b.flat("spa508G.cfg"); err == nil {
		first = own
	} else if !errors.Is(err, ErrMissing) {
		return err
	}
	path, err := b.follow(first)
	if err != nil {
		return err
	}
	p, err := b.flat(path)
	if err != nil {
		return err
	}
	if err := b.lines(p); err != nil {
		return err
	}
	_, err = b.follow(p)
	return err
}

func ciscoMPP(b *booting) error {
	first, err := b.flat("8851-3PCC.xml")
	if err != nil {
		return err
	}
	path, err := b.follow(first, "$PN", "CP-8851-3PCC")
	if err != nil {
		return err
	}
	p, err := b.flat(path)
	if err != nil {
		return err
	}
	if err := b.lines(p); err != nil {
		return err
	}
	_, err = b.follow(p, "$PN", "CP-8851-3PCC")
	return err
}
