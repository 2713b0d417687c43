"""Is this English? The network reads only English; outside it, its valence is no better than chance.

Character statistics come from py3langid (Lui and Baldwin 2012, ACL; BSD 3-Clause; the model lies in the
package and no torch is needed). They say little of "Okay." or "haha", so an utterance counts as English until
there is evidence against it, and common words of English and of its neighbours are evidence of their own.
"""

import math
import re
import unicodedata
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# The languages told apart: those most spoken and most subtitled. With all 140 that the model has, close
# relatives of English (Nigerian Pidgin, Scots) take from its share.
_LANGUAGES = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id is it ja ko lt lv ms nl no pl pt ro ru sk sl sq sr sv sw "
    "ta te th tl tr uk ur vi zh"
)
LANGUAGES = tuple(_LANGUAGES.split())

_PRIOR = 1.0  # log-odds of English before anything is read
_WEIGHT = 2.0  # of the character statistics, which are softened for short texts
_COMMON = 4.0  # log-odds when all words are common English ones; as much against when they are common elsewhere
_ENGLISH = (
    "a about after again ah all alright always am amazing an and any are aren't as at aw away awesome awful back bad be "
    "because been before believe best better bit bye call can can't come cool could couldn't crap crazy damn day did "
    "didn't do does doesn't doing don't done down even every everything excuse fine for forget friend from fuck fucking "
    "fun get getting girl give go god going gonna good gosh got gotta great guess guys ha had haha hahaha happened happy "
    "has hasn't hate have haven't he he's heard hell hello help her here hey hi him his hmm how hm huh i i'd i'll i'm "
    "i've idea if in into is isn't it it's its just kind know last later let let's like little lol long look looks lot "
    "love mad make man matter maybe me mean mhm mind minute mom more morning much must my need never nice night no nope "
    "not nothing now of off oh ok okay old on one only oops or ouch our out over people place please pretty problem "
    "right sad said say see seem sense shall she she's should shut sir so some something sorry stop stuff sucks sure "
    "take tell than thank thanks that that's the their them then there there's these they they're thing things think "
    "this those time to today tomorrow tonight too true try two ugh uh um understand up us very wait want was wasn't way "
    "we we'll we're we've well went were what what's when where which whatever who who's why will wish with woah won't "
    "wonderful work would wouldn't wow wrong wtf omg ya yeah yep yes yet you you'd you'll you're you've your yup"
)
_FOREIGN = (
    "auch bitte danke das dass der doch ein eine er es gut habe hallo ich ist ja mein mich mir mit nein nicht noch oder "
    "schon sehr sie und uns von wie wir zu avec bien bonjour c'est ce des dans elle est et il je j'ai les merci moi mon "
    "n'est non nous oui pas pour quoi qui suis très tu une vous ça à adiós bueno como cómo con el ella en está esta "
    "estoy eso gracias hola los más mi muy nada pero por porque qué que quiero sí soy también todo tú una usted y anche "
    "bene buongiorno che chi ciao come cosa di dove è grazie ho hai io lei lui ma molto niente non perché più prego sì "
    "sono sto tutto un ale być cześć co czy dobrze dziękuję dzień gdzie jak jest jestem już mam mnie nie proszę się tak "
    "to tylko w z że obrigado não você muito sim eu isso bom tudo dank goed het ik niet nee een hej tack jag och det "
    "inte är"
)
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
_FOREIGN_WORDS = frozenset(_FOREIGN.split()) - _ENGLISH_WORDS
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def english(text: str) -> float:
    """How far ``text`` can be taken for English, in [0, 1]; 1 where it has no letters ("!!!", "100", emoji).

    Not a calibrated probability: short utterances start near 1 and fall only on evidence. A text whose
    letters are not Latin falls with their share.

    >>> english("Okay.") > 0.9, english("No!") > 0.9, english("Ich bin heute sehr traurig.") < 0.1
    (True, True, True)
    """
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return 1.0
    latin = sum(unicodedata.name(c, "").startswith("LATIN") for c in letters) / len(letters)
    words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]
    share = dict(_identifier().rank(text))["en"]
    share = min(max(share, 1e-6), 1 - 1e-6)
    known = sum(word in _ENGLISH_WORDS for word in words) - sum(word in _FOREIGN_WORDS for word in words)
    evidence = math.log(share / (1 - share)) + math.log(len(LANGUAGES) - 1)  # 0 where all languages are alike
    odds = _PRIOR + _WEIGHT * evidence + _COMMON * known / max(len(words), 1)
    return latin / (1 + math.exp(-odds))
