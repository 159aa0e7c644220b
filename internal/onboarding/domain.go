package onboarding

import (
	"slices"
	"strings"
)

// Domain stands for the mailboxes of one domain. Name is in ASCII, lower case.
type Domain struct {
	Name       string
	Subdomains bool // those below it as well
}

const (
	// MaxDomains is how many domains an organization exempts.
	MaxDomains = 100
	// MaxLinkDomains is how many domains an invite link names. Each who joins by it reads and writes them.
	MaxLinkDomains = 20
)

// ParseDomain reads the name of a domain, with or without an @ before it.
func ParseDomain(name string, subdomains bool) (Domain, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "@")
	if strings.HasPrefix(name, "*.") {
		return Domain{}, flaw{"invalid", "name the domain itself, and say whether its subdomains count"}
	}
	if len(name) > 4*maxDomain {
		return Domain{}, flaw{"invalid", "this is not a domain name"}
	}
	ascii, err := parseDomain(name)
	if err != nil {
		return Domain{}, flaw{"invalid", "this is not a domain name such as example.com"}
	}
	return Domain{ascii, subdomains}, nil
}

// SuffixList knows under which names anybody can have a domain.
type SuffixList interface {
	// PublicSuffix answers the part of a domain that is such a name, com of example.com. The list of publicsuffix.org says so.
	PublicSuffix(domain string) string
}

// ParseExemptDomain reads a domain whose people need no approval. Under a public suffix anybody can have a domain, and at a
// mail provider anybody can have a mailbox: neither says who somebody works for.
func ParseExemptDomain(name string, subdomains bool, suffixes SuffixList) (Domain, error) {
	d, err := ParseDomain(name, subdomains)
	if err != nil {
		return d, err
	}
	// Of some names it is not they themselves that are public suffixes, but whatever lies right below them.
	if below := "any." + d.Name; subdomains && suffixes.PublicSuffix(below) == below {
		return Domain{}, flaw{"public_suffix", "anybody can have a domain under this one"}
	}
	suffix := suffixes.PublicSuffix(d.Name)
	rest, own := strings.CutSuffix(d.Name, "."+suffix)
	if !own {
		return Domain{}, flaw{"public_suffix", "anybody can have a domain under this one"}
	}
	brand := rest[strings.LastIndexByte(rest, '.')+1:]
	if slices.Contains(mailBrands, brand) || slices.Contains(mailProviders, brand+"."+suffix) {
		return Domain{}, flaw{"public_provider", "anybody can have a mailbox at this provider"}
	}
	return d, nil
}

// covers reports whether an address lies in the domain. A name that only ends alike does not: evilcorp.com is not corp.com,
// and corp.com.evil.com is not either.
func (d Domain) covers(a Address) bool {
	// Only what the parser itself would have made counts: whatever else came here is nobody's mailbox.
	if same, err := ParseEmail(a.Value); a.Kind != Email || err != nil || same != a {
		return false
	}
	return a.Domain() == d.Name || d.Subdomains && strings.HasSuffix(a.Domain(), "."+d.Name)
}

func coverAny(domains []Domain, a Address) bool {
	return slices.ContainsFunc(domains, func(d Domain) bool { return d.covers(a) })
}

// admit reports whether the link's domains let the address in.
func (t Terms) admit(a Address) bool { return len(t.Domains) == 0 || coverAny(t.Domains, a) }

// exempts reports whether the address needs no approval, once it is proven. A phone number never does, nor a mailbox that
// stands for a role: whoever reads it today may be somebody else tomorrow.
func (s Settings) exempts(a Address) bool {
	return coverAny(s.ExemptDomains, a) && !roleMailbox(a.Local())
}

// roleMailbox reports whether a local part is one of RFC 2142, or another that companies share: by itself, numbered, or with
// something behind a sign. That some people are called alike costs them a wait.
func roleMailbox(local string) bool {
	base, _, _ := strings.Cut(local, "+")
	words := strings.FieldsFunc(base, func(r rune) bool { return strings.ContainsRune("-_.", r) })
	for _, name := range append(words[:min(len(words), 1)], strings.Join(words, "")) {
		if slices.Contains(roleMailboxes, strings.TrimRight(name, "0123456789")) {
			return true
		}
	}
	return false
}

var roleMailboxes = []string{
	"abuse", "accounting", "accounts", "admin", "administrator", "all", "bestellung", "bewerbung", "bewerbungen", "billing",
	"buchhaltung", "career", "careers", "company", "contact", "datenschutz", "donotreply", "einkauf", "email", "empfang",
	"everybody", "everyone", "feedback", "finance", "ftp", "hello", "help", "helpdesk", "hostmaster",
	"hr", "info", "invoice", "invoices", "it", "job", "jobs", "kontakt", "legal", "list", "listmaster", "mail", "mailer",
	"mailerdaemon", "marketing", "media", "news", "newsletter", "nobody", "noc", "noreply", "office", "orders", "personal",
	"postmaster", "press", "presse", "privacy", "reception", "rechnung", "recruiting", "root", "sales", "security", "sekretariat",
	"service", "shop", "spam", "staff", "support", "sysadmin", "team", "test", "usenet", "uucp", "verkauf", "vertrieb",
	"webmaster", "www",
}

// mailBrands are providers with a domain in many countries.
var mailBrands = []string{
	"aol", "fastmail", "gmail", "gmx", "googlemail", "hotmail", "live", "mailinator", "outlook", "protonmail", "rocketmail",
	"tutanota", "yahoo", "yandex", "ymail", "zoho",
}

var mailProviders = []string{
	"10minutemail.com", "126.com", "163.com", "abv.bg", "aim.com", "appleid.com", "alice.it", "arcor.de", "att.net", "bellsouth.net", "bigpond.com",
	"bk.ru", "bluewin.ch", "btinternet.com", "charter.net", "comcast.net", "cox.net", "daum.net", "duck.com", "earthlink.net",
	"email.de", "foxmail.com", "free.fr", "freemail.hu", "freenet.de", "guerrillamail.com", "hanmail.net",
	"hey.com", "hushmail.com", "icloud.com", "inbox.lv", "inbox.ru", "interia.pl", "internet.ru", "juno.com", "kakao.com",
	"laposte.net", "libero.it", "list.ru", "mac.com", "mail.com", "mail.de", "mail.ru", "mailbox.org", "me.com", "mozmail.com", "msn.com", "naver.com",
	"ntlworld.com", "o2.pl", "online.de", "onet.pl", "onmicrosoft.com", "optonline.net", "optusnet.com.au", "orange.fr", "passport.com", "pm.me",
	"posteo.de", "proton.me", "protonmail.ch", "qq.com", "rambler.ru", "rediffmail.com", "riseup.net", "rogers.com", "sapo.pt",
	"sbcglobal.net", "seznam.cz", "sfr.fr", "shaw.ca", "sharklasers.com", "sina.cn", "sina.com", "sky.com", "sohu.com",
	"sympatico.ca", "t-online.de", "talktalk.net", "temp-mail.org", "tiscali.it", "trashmail.com", "tuta.com", "tuta.io",
	"ukr.net", "uol.com.br", "verizon.net", "virgilio.it", "virginmedia.com", "vodafone.de", "wanadoo.fr", "web.de", "windowslive.com",
	"wp.pl", "yeah.net", "yopmail.com", "zohomail.com",
}
