package pages

import (
	"fmt"
	"strings"
	"time"
)

// samples is every page in every state that looks different, by a name for people. who fills in all that
// strangers can choose: names, addresses, request ids.
func samples(who string) map[string]View {
	join := Join{Action: "/join/acme/t0k3n/accept", Decline: "/join/acme/t0k3n/decline", Inviter: "Grace Hopper" + who,
		Address: "ann@example.com" + who, Expires: time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)}
	prefilled := join
	prefilled.FirstName, prefilled.LastName = "Ann"+who, "Example"+who
	faulty := join
	faulty.Inviter, faulty.LastName = "", "Example"+who
	faulty.Faults = []Fault{{"first_name", Required}, {"password", TooShort}, {"password", TooCommon}}
	strange := join
	strange.Faults = []Fault{{"first_name", "who knows"}, {"nickname", Required}, {"address", Invalid}}

	byLink := JoinByLink{Action: "/join/acme/t0k3n/join"}
	corporate := byLink
	corporate.Domains, corporate.MayWait = []string{"corp.com", "*.corp.com", "subsidiary.example" + who}, true
	corporate.FirstName, corporate.LastName, corporate.Contact = "Ann"+who, "Example"+who, "ann@elsewhere.example"+who
	corporate.Faults = []Fault{{"contact", DomainNotAllowed}, {"password", TooShort}}
	unfit := byLink
	unfit.Contact, unfit.Faults = "ann@"+who, []Fault{{"first_name", Required}, {"contact", Invalid}}
	textless := byLink
	textless.Contact, textless.Faults = "+4917139200"+who, []Fault{{"contact", TextsOff}}
	phones := byLink
	phones.Phones, phones.MayWait = true, true
	mute := phones
	mute.Contact, mute.Faults = "+49 30 23125 000"+who, []Fault{{"contact", CannotReceiveText}}
	local := phones
	local.Contact, local.Faults = "0171 39200"+who, []Fault{{"contact", CountryCode}}
	abroad := phones
	abroad.Contact, abroad.Faults = "+44 7700 900123"+who, []Fault{{"contact", CountryNotAllowed}, {"password", TooShort}}
	refused := phones
	refused.Contact, refused.Faults = "+44 7700 900123"+who, []Fault{{"contact", OptedOut}}
	endless := phones
	endless.Contact, endless.Faults = strings.Repeat("0123456789", 30)+who, []Fault{{"contact", TooLong}}
	nobody := phones
	nobody.Faults = []Fault{{"contact", Required}}
	unknown := phones
	unknown.Contact, unknown.Faults = "ann"+who, []Fault{{"contact", Invalid}}

	code := EnterCode{Action: "/join/acme/t0k3n/verify", Resend: "/join/acme/t0k3n/resend-code",
		Address: "ann@example.com" + who, Until: time.Date(2026, 11, 30, 14, 10, 0, 0, time.UTC)}
	again := code
	again.Again, again.Sent = "/join/acme/l1nk", true
	wrongCode := again
	wrongCode.Faults = []Fault{{"code", Wrong}}
	expiredCode := code
	expiredCode.Faults = []Fault{{"", CodeExpired}}
	texted := code
	texted.ByPhone, texted.Address = true, "+447700900123"+who
	textedAgain := texted
	textedAgain.Again, textedAgain.Sent = "/join/acme/l1nk", true
	wrongText := textedAgain
	wrongText.Faults = []Fault{{"code", Wrong}}
	expiredText := textedAgain
	expiredText.Faults = []Fault{{"", CodeExpired}}
	unwanted := textedAgain
	unwanted.Faults = []Fault{{"", OptedOut}}

	asked := time.Date(2026, 11, 28, 8, 30, 0, 0, time.UTC)
	queue := Requests{SignOut: "/join/acme/sign-out", Back: "/join/acme/welcome", Items: []RequestItem{
		{Name: "Ann Example" + who, Address: "ann@example.com" + who, Asked: asked, Via: "Trade fair" + who, ByLink: true,
			Approve: "/join/acme/requests/mem_1/approve", Reject: "/join/acme/requests/mem_1/reject"},
		{Name: "Bo" + who, Address: "bo@example.com" + who, Asked: asked.AddDate(0, 0, 1), ByLink: true,
			Approve: "/join/acme/requests/mem_2/approve", Reject: "/join/acme/requests/mem_2/reject"},
		{Name: "Cy", Address: "+447700900123", Asked: asked.AddDate(0, 0, 2), Via: "Grace Hopper" + who,
			Approve: "/join/acme/requests/mem_3/approve", Reject: "/join/acme/requests/mem_3/reject"},
		{Name: "Di", Address: "di@example.com", Asked: asked.AddDate(0, 0, 2), Seatless: true,
			Approve: "/join/acme/requests/mem_4/approve", Reject: "/join/acme/requests/mem_4/reject"},
	}}
	decided := queue
	decided.More, decided.Done = true, "approved"

	signIn := SignIn{Action: "/join/acme/sign-in", ForgottenPassword: "/join/acme/forgotten-password"}
	wrong := signIn
	wrong.Login, wrong.Faults = "ann@example.com"+who, []Fault{{"", WrongCredentials}}
	empty := signIn
	empty.Faults = []Fault{{"login", Required}, {"password", Required}}
	often := signIn
	often.Faults = []Fault{{"", TooManyAttempts}}

	forgotten := ForgottenPassword{Action: "/join/acme/forgotten-password", SignIn: "/join/acme/sign-in"}
	misspelt := forgotten
	misspelt.Login, misspelt.Faults = "ann@"+who, []Fault{{"login", Invalid}}

	byCode := ChoosePasswordByCode{Action: "/join/acme/password-by-code", Again: "/join/acme/forgotten-password",
		Login: "+447700900123" + who}
	wrongReset := byCode
	wrongReset.Faults = []Fault{{"code", Wrong}, {"password", TooCommon}}
	blankReset := byCode
	blankReset.Faults = []Fault{{"code", Required}, {"password", Required}}
	oftenReset := byCode
	oftenReset.Faults = []Fault{{"", TooManyAttempts}}

	welcome := Welcome{FirstName: "Ann" + who, LastName: "Example" + who, Login: "ann@example.com" + who,
		SignOut: "/join/acme/sign-out"}
	joined := welcome
	joined.Joined, joined.Admin, joined.Requests = true, true, "/join/acme/requests"

	all := map[string]View{
		"join":                          join,
		"join, prefilled":               prefilled,
		"join, faulty":                  faulty,
		"join, strange faults":          strange,
		"link invalid":                  LinkInvalid{},
		"link expired":                  LinkExpired{Action: "/join/acme/t0k3n/request-new-link"},
		"new link asked":                NewLinkAsked{},
		"link used":                     LinkUsed{SignIn: "/join/acme/sign-in"},
		"revoked":                       Revoked{},
		"declined":                      Declined{},
		"already declined":              AlreadyDeclined{},
		"closed":                        Closed{},
		"signed in as another":          SignedInAsAnother{Name: "Bo" + who, Login: "bo@example.com" + who, SignOut: "/x"},
		"signed in, may stay":           SignedInAsAnother{Name: "Bo", Login: "bo@example.com", SignOut: "/x", Stay: "/y"},
		"join by link":                  byLink,
		"join by link, restricted":      corporate,
		"join by link, faulty":          unfit,
		"join by link, texts off":       textless,
		"join by link, phones":          phones,
		"join by link, a fixed line":    mute,
		"join by link, no country code": local,
		"join by link, another country": abroad,
		"join by link, opted out":       refused,
		"join by link, too long":        endless,
		"join by link, nothing":         nobody,
		"join by link, neither":         unknown,
		"enter code":                    code,
		"enter code, sent again":        again,
		"enter code, wrong":             wrongCode,
		"enter code, expired":           expiredCode,
		"enter code, texted":            texted,
		"enter code, texted again":      textedAgain,
		"enter code, wrong text":        wrongText,
		"enter code, expired text":      expiredText,
		"enter code, opted out":         unwanted,
		"link disabled":                 LinkDisabled{},
		"link exhausted":                LinkExhausted{},
		"invite link expired":           InviteLinkExpired{},
		"registration closed":           RegistrationClosed{},
		"join expired":                  JoinExpired{},
		"already member":                AlreadyMember{SignIn: "/join/acme/sign-in", ForgottenPassword: "/x"},
		"member was dismissed":          MemberWasDismissed{},
		"join elsewhere":                JoinElsewhere{Again: "/x"},
		"join elsewhere, dead link":     JoinElsewhere{},
		"invitation waiting":            InvitationWaiting{},
		"already joined":                AlreadyJoined{SignIn: "/join/acme/sign-in"},
		"waiting":                       Waiting{FirstName: "Ann" + who, Login: "ann@" + who, Since: asked, SignOut: "/x"},
		"rejected":                      Rejected{SignOut: "/join/acme/sign-out"},
		"requests":                      queue,
		"requests, decided":             decided,
		"requests, none":                Requests{SignOut: "/x", Back: "/y", Done: "rejected"},
		"requests, decided already":     Requests{SignOut: "/x", Back: "/y", Done: "already"},
		"requests, no seat":             Requests{SignOut: "/x", Back: "/y", Done: "full"},
		"organization closed":           OrganizationClosed{},
		"sign in":                       signIn,
		"sign in, wrong":                wrong,
		"sign in, empty":                empty,
		"sign in, too often":            often,
		"forgotten password":            forgotten,
		"forgotten password, faulty":    misspelt,
		"password link sent":            PasswordLinkSent{SignIn: "/join/acme/sign-in"},
		"password by code":              byCode,
		"password by code, wrong":       wrongReset,
		"password by code, empty":       blankReset,
		"password by code, too often":   oftenReset,
		"first password":                ChoosePassword{Action: "/x", First: true, Login: "ann@example.com" + who},
		"registration":                  ChoosePassword{Action: "/x", First: true, Login: "ann@example.com" + who, Names: true, FirstName: "Ann", LastName: "Lee"},
		"own password":                  NewPassword{Action: "/x", Login: "ann@example.com" + who, SignOut: "/join/acme/sign-out"},
		"own password, faulty":          NewPassword{Action: "/x", SignOut: "/join/acme/sign-out", Faults: []Fault{{"current_password", Wrong}, {"new_password", Same}}},
		"new password, faulty":          ChoosePassword{Action: "/x", Faults: []Fault{{"password", TooCommon}}},
		"password link invalid":         PasswordLinkInvalid{ForgottenPassword: "/join/acme/forgotten-password"},
		"password link expired":         PasswordLinkExpired{ForgottenPassword: "/join/acme/forgotten-password"},
		"welcome":                       welcome,
		"joined":                        joined,
	}
	for _, status := range []int{400, 403, 404, 413, 429, 500, 503} {
		all[fmt.Sprintf("error %d", status)] = Error{Status: status, RequestID: "JKJaXmPLvHcESHA=" + who}
	}
	return all
}
