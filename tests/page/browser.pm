# browser.pm - a headless Chromium, driven through its debugging pipe
#
# Chromium reads commands from descriptor 3 and writes answers and events to 4, each a
# JSON object with a NUL behind it (the DevTools protocol). No driver program and no
# port is needed, and time is real time: a page polls as it does for a person.
#
#	my $browser = browser->start($dir);	its profile goes to $dir
#	$browser->open_page($url, 360, 800);
#	$browser->evaluate('document.title');
#	$browser->wait_for('document.body.dataset.ready === "yes"', 10);
#	$browser->{complaints}			what the page wrote to the console
#	$browser->{requested}			URLs that the page asked for
#	$browser->stop;
#
# Dies if the browser does, or does not answer for a minute.
package browser;
use strict;
use warnings;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time sleep);

my $ANSWER_SECONDS = 60;
my @FLAGS = qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
	--disable-background-networking --disable-component-update --disable-sync
	--disable-default-apps --disable-dev-shm-usage --no-default-browser-check
	--remote-debugging-pipe about:blank);

# The program's name, or undef.
sub program
{
	for my $name (qw(chromium chromium-browser google-chrome)) {
		for (split /:/, $ENV{PATH}) {
			return "$_/$name" if -x "$_/$name";
		}
	}
	return undef;
}

sub start
{
	my ($class, $dir) = @_;
	my $self = bless { id => 0, rest => '', complaints => [], requested => [] }, $class;
	my ($read_commands, $read_answers, $answers);

	mkdir $dir;
	pipe $read_commands, $self->{commands} or die "pipe: $!\n";
	pipe $read_answers, $answers or die "pipe: $!\n";
	$self->{answers} = $read_answers;
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		setpgrp;
		# Out of the way of 3 and 4 first.
		my $in = POSIX::fcntl($read_commands, POSIX::F_DUPFD(), 10);
		my $out = POSIX::fcntl($answers, POSIX::F_DUPFD(), 10);
		POSIX::dup2($in, 3);
		POSIX::dup2($out, 4);
		POSIX::close($_) for 5 .. 40;
		open STDOUT, '>', "$dir/chromium.log";
		open STDERR, '>&', \*STDOUT;
		{ exec program(), "--user-data-dir=$dir", @FLAGS; }
		POSIX::_exit(127);
	}
	close $read_commands;
	close $answers;
	$self->{commands}->autoflush(1);
	return $self;
}

# Take what the browser says until @$self has the answer to $id, or for $seconds.
sub listen_for
{
	my ($self, $id, $seconds) = @_;
	my $end = time + $seconds;

	while (1) {
		while ($self->{rest} =~ s/\A([^\0]*)\0//) {
			my $message = JSON::PP::decode_json($1);

			return $message if $id && ($message->{id} // 0) == $id;
			$self->note($message) if $message->{method};
		}
		my $left = $end - time;
		return undef if $left <= 0;
		my $ready = '';
		vec($ready, fileno($self->{answers}), 1) = 1;
		next unless select($ready, undef, undef, $left) > 0;
		sysread($self->{answers}, $self->{rest}, 65536, length $self->{rest})
			or die "the browser has gone\n";
	}
}

sub note
{
	my ($self, $event) = @_;
	my ($method, $p) = ($event->{method}, $event->{params});
	my $complaints = $self->{complaints};

	if ($method eq 'Runtime.exceptionThrown') {
		my $details = $p->{exceptionDetails};

		push @$complaints, $details->{exception}{description} // $details->{text};
	} elsif ($method eq 'Runtime.consoleAPICalled') {
		push @$complaints, "console.$p->{type}: " .
			join ' ', map { $_->{value} // $_->{description} // '' } @{$p->{args}};
	} elsif ($method eq 'Log.entryAdded') {
		push @$complaints, "$p->{entry}{level}: $p->{entry}{text}";
	} elsif ($method eq 'Network.requestWillBeSent') {
		push @{$self->{requested}}, $p->{request}{url};
	}
}

# Run one command of the protocol; its result.
sub command
{
	my ($self, $method, %params) = @_;
	my %command = (id => ++$self->{id}, method => $method, params => \%params);

	$command{sessionId} = $self->{session} if $self->{session};
	local $SIG{PIPE} = 'IGNORE';
	print {$self->{commands}} JSON::PP::encode_json(\%command), "\0";
	my $answer = $self->listen_for($command{id}, $ANSWER_SECONDS)
		or die "the browser does not answer to $method\n";
	die "$method: $answer->{error}{message}\n" if $answer->{error};
	return $answer->{result};
}

# A new page of that size, without what the last one left in the lists.
sub open_page
{
	my ($self, $url, $width, $height, $scheme) = @_;

	delete $self->{session};
	$self->command('Target.closeTarget', targetId => $self->{target})
		if $self->{target};
	$self->{target} = $self->command('Target.createTarget',
					 url => 'about:blank')->{targetId};
	$self->{session} = $self->command('Target.attachToTarget',
		targetId => $self->{target}, flatten => JSON::PP::true)->{sessionId};
	$self->command("$_.enable") for qw(Page Runtime Log Network);
	$self->command('Emulation.setDeviceMetricsOverride', width => $width,
		       height => $height, deviceScaleFactor => 1,
		       mobile => $width < 600 ? JSON::PP::true : JSON::PP::false);
	$self->command('Emulation.setEmulatedMedia', features => [
		{ name => 'prefers-color-scheme', value => $scheme // 'light' } ]);
	@$self{qw(complaints requested)} = ([], []);
	my $error = $self->command('Page.navigate', url => $url)->{errorText};
	die "$url: $error\n" if $error;
}

# The value of a JavaScript expression.
sub evaluate
{
	my ($self, $expression) = @_;
	my $result = $self->command('Runtime.evaluate', expression => $expression,
				    returnByValue => JSON::PP::true);

	die "$expression: $result->{exceptionDetails}{exception}{description}\n"
		if $result->{exceptionDetails};
	return $result->{result}{value};
}

# Has the expression become true within so many seconds?
sub wait_for
{
	my ($self, $expression, $seconds) = @_;
	my $end = time + $seconds;

	until ($self->evaluate("Boolean($expression)")) {
		return 0 if time > $end;
		$self->listen_for(0, 0.1);
	}
	return 1;
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	# All of its processes: it leads a group of its own.
	kill KILL => -$pid;
	waitpid $pid, 0;
}

sub DESTROY
{
	local $?;
	$_[0]->stop;
}

1;
