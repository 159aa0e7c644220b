package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/dynamolocal/bulk"
	"latchkey/internal/onboarding"
)

const (
	departments = 10
	groups      = 5
	rareName    = "Quartermaine" // of one in the crowd
)

// crowd is who has been hired into the site's organization, and where they stand.
type crowd struct {
	departments []onboarding.DepartmentID
	groups      []onboarding.GroupID
	size        int
	password    onboarding.PasswordHash
}

var (
	firstNames = []string{"Ada", "Björn", "Chloé", "Dmitri", "Émile", "Fatima", "Grace", "Håkon", "İpek", "Jürgen", "Keiko", "Łukasz", "María"}
	lastNames  = []string{"Abe", "Bäcker", "Čapek", "D'Arcy", "Eriksson", "Fernández", "Große", "Hopper", "Ito", "Jensen", "Kovač", "Lee",
		"Müller", "Nguyễn", "O'Neill", "Popov", "Quist", "Rossi", "Şahin", "Tanaka", "Ümit", "van der Berg", "Wójcik", "Xu", "Yılmaz", "Žižek"}
)

// structure makes departments below the root, and groups that admit guests.
func (s *site) structure(ctx context.Context) error {
	caller := onboarding.Caller{Organization: s.org, Member: s.admin}
	structuring := onboarding.Structuring{World: s.world, Store: s.store(s.db)}
	for i := range departments {
		name := fmt.Sprintf("Department %02d", i)
		d, err := structuring.CreateDepartment(ctx, caller, onboarding.DepartmentChange{Name: &name}, onboarding.NewRequestID(s.world))
		if err != nil {
			return err
		}
		s.crowd.departments = append(s.crowd.departments, d.ID)
	}
	for i := range groups {
		name, kind, guests := fmt.Sprintf("Group %02d", i), onboarding.Project, true
		g, err := structuring.CreateGroup(ctx, caller, onboarding.GroupChange{Name: &name, Kind: &kind, AllowsGuests: &guests},
			onboarding.NewRequestID(s.world))
		if err != nil {
			return err
		}
		s.crowd.groups = append(s.crowd.groups, g.ID)
	}
	return nil
}

// hire adds n members by the store's own write, many at once, and answers them. What they were mailed has been sent.
func (s *site) hire(ctx context.Context, n int) ([]onboarding.Member, error) {
	if s.crowd.size == 0 {
		if err := s.structure(ctx); err != nil {
			return nil, err
		}
		chosen, err := onboarding.NewPassword(password)
		if err != nil {
			return nil, err
		}
		s.crowd.password = chosen.Hash(s.world)
	}
	w := bulk.New(s.db, sent)
	store, hired := s.store(w.Client()), make([]onboarding.Member, n)
	for i := range hired {
		m := s.person(s.crowd.size)
		login := m.Login()
		hired[i] = m
		s.crowd.size++
		err := store.AddMember(ctx, onboarding.Addition{
			Member: m, Credentials: onboarding.Credentials{Password: s.crowd.password, Epoch: 1},
			Contact: onboarding.Contact{ID: onboarding.NewContactID(s.org.Salt, login), Address: login},
			Actor:   s.admin.Actor(), RequestID: onboarding.NewRequestID(s.world), Message: onboarding.Message{ID: "sent"},
		})
		if err != nil {
			return nil, err
		}
	}
	return hired, w.Write(ctx)
}

// sent takes the message out that a new item owes.
func sent(item attributes) {
	for _, name := range []string{"outbox", "outbox_wake", "by_outbox_pk", "by_outbox_sk"} {
		delete(item, name)
	}
}

// person is the i-th of a crowd, who came a minute after the one before. Of forty, four are guests, one has yet to choose a
// password, and one was dismissed. Employees stand in a department, and every third in a group; guests in a group.
func (s *site) person(i int) onboarding.Member {
	at := s.world.Instant().Add(time.Duration(i-20_000) * time.Minute)
	first, last := firstNames[i%len(firstNames)], lastNames[i/len(firstNames)%len(lastNames)]
	if i == 0 {
		last = rareName
	}
	m := onboarding.Member{
		ID: onboarding.NewMemberID(s.world), Organization: s.org.ID, Status: onboarding.MemberActive, Type: onboarding.Employee,
		Role: onboarding.RoleMember, FirstName: first, LastName: last, JobTitle: "Engineer", Email: address(), EmailVerified: true,
		Locale: onboarding.English, Entry: onboarding.Entry{Channel: onboarding.ChannelDirect, Inviter: s.admin.ID},
		CreatedAt: at, JoinedAt: at, UpdatedAt: at, Version: 1,
	}
	switch {
	case i%10 == 3:
		m.Type, m.EndsAt = onboarding.Guest, at.AddDate(1, 0, 0)
		m.Placement.Groups = []onboarding.GroupID{s.crowd.groups[i/10%groups]}
		return m
	case i%40 == 7:
		m.Status, m.JoinedAt = onboarding.MemberPendingActivation, time.Time{}
	case i%40 == 15:
		m.Status = onboarding.MemberDismissed
	}
	m.Placement.Departments = []onboarding.DepartmentID{s.crowd.departments[i/7%departments]}
	if i%3 == 0 {
		m.Placement.Groups = []onboarding.GroupID{s.crowd.groups[i/3%groups]}
	}
	return m
}
