"""The phrasebook: its size, its splits, and its Spanish. Agreement is checked without the grammar table."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from itertools import chain, combinations

import pytest

from keras_s2s.data import phrase_grammar, phrasebook
from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.data.phrase_grammar import Grammar, Word, capitalise, digest, parse_word
from keras_s2s.data.phrasebook import bare, casual, load_everyday, load_grammar, load_phrasebook, one_answer_each

CHECKSUM = "e1b3d9e834d241ea"

EXPECTED = """
Let's go! | ¡Vamos!
Let's go. | Vamos.
let's go | vamos
to go | ir
I want coffee. | Quiero café.
i want coffee | quiero café
I'm tired. | Estoy cansado.
I'm hungry. | Tengo hambre.
I don't speak Spanish. | No hablo español.
Where is the bathroom? | ¿Dónde está el baño?
She's from Chile. | Ella es de Chile.
My sister is from Peru. | Mi hermana es de Perú.
Are you all from Mexico? | ¿Ustedes son de México?
We're from Canada. | Somos de Canadá.
Where is the airport? | ¿Dónde está el aeropuerto?
Where is the church? | ¿Dónde está la iglesia?
Where are my keys? | ¿Dónde están mis llaves?
Where is our umbrella? | ¿Dónde está nuestro paraguas?
Where are her shoes? | ¿Dónde están sus zapatos?
Where is your camera? | ¿Dónde está tu cámara?
How do I get to the hotel? | ¿Cómo llego al hotel?
How do I get to the station? | ¿Cómo llego a la estación?
Excuse me, ma'am, where is the library? | Disculpe, señora, ¿dónde está la biblioteca?
I'm looking for the museum, sir. | Busco el museo, señor.
How much is this dress? | ¿Cuánto cuesta este vestido?
How much are these shoes? | ¿Cuánto cuestan estos zapatos?
How much is the water? | ¿Cuánto cuesta el agua?
How much are the apples? | ¿Cuánto cuestan las manzanas?
How many sisters does Ana have? | ¿Cuántas hermanas tiene Ana?
How many friends do you have? | ¿Cuántos amigos tienes?
What time do you get up? | ¿A qué hora te levantas?
What time did they go to bed? | ¿A qué hora se acostaron ellos?
What time does my brother wake up? | ¿A qué hora se despierta mi hermano?
What time do we have dinner? | ¿A qué hora cenamos?
What time did he have breakfast? | ¿A qué hora desayunó él?
Are you tired, sir? | ¿Está cansado, señor?
Are you tired, ma'am? | ¿Está cansada, señora?
Are you a doctor, ma'am? | ¿Es médica, señora?
Are you a teacher, sir? | ¿Es profesor, señor?
She's very thirsty. | Ella tiene mucha sed.
We're very cold. | Tenemos mucho frío.
I was very hungry. | Tenía mucha hambre.
My parents were very sleepy. | Mis padres tenían mucho sueño.
Was Pablo alone? | ¿Pablo estaba solo?
My sister is ready. | Mi hermana está lista.
They aren't ready. | Ellos no están listos.
My friends weren't alone. | Mis amigos no estaban solos.
I'm not thirty years old. | No tengo treinta años.
Is Ana fifteen years old? | ¿Ana tiene quince años?
My sister is twenty years old. | Mi hermana tiene veinte años.
Let's go to the beach! | ¡Vamos a la playa!
Let's go to the park. | Vamos al parque.
Pablo has to eat the fruit. | Pablo tiene que comer la fruta.
Does she bring your keys? | ¿Ella trae tus llaves?
I lost your jacket. | Perdí tu chaqueta.
We looked for the green shirt. | Buscamos la camisa verde.
My sister washes this white hat. | Mi hermana lava este sombrero blanco.
My friends don't close the door in the morning. | Mis amigos no cierran la puerta por la mañana.
Did you all open the window last week? | ¿Ustedes abrieron la ventana la semana pasada?
We aren't going to use the bicycle tonight. | No vamos a usar la bicicleta esta noche.
You sometimes cook fish. | A veces cocinas pescado.
Don't read this poem. | No leas este poema.
Do you want coffee, sir? | ¿Quiere café, señor?
I would like the milk, please. | Quisiera la leche, por favor.
What is my sister closing? | ¿Qué está cerrando mi hermana?
Ana has to go to the bank. | Ana tiene que ir al banco.
My parents work next to the restaurant. | Mis padres trabajan al lado del restaurante.
Does my sister call the teacher? | ¿Mi hermana llama al profesor?
I have to wait for my parents. | Tengo que esperar a mis padres.
My parents don't see him. | Mis padres no lo ven.
He wants to see you. | Él quiere verte.
Can my friends call us? | ¿Mis amigos pueden llamarnos?
You all love to play soccer. | A ustedes les encanta jugar al fútbol.
Ana doesn't like apples. | A Ana no le gustan las manzanas.
My sister wants to wake up at two. | Mi hermana quiere despertarse a las dos.
Are my parents funny? | ¿Mis padres son divertidos?
You want to be a nurse. | Quieres ser enfermero.
Is his computer pretty? | ¿Es bonita su computadora?
Is that our house? | ¿Esa es nuestra casa?
The pens are in the kitchen. | Los bolígrafos están en la cocina.
How many shoes are there in the box? | ¿Cuántos zapatos hay en la caja?
Is there an airport next to the station? | ¿Hay un aeropuerto al lado de la estación?
These keys cost a hundred euros. | Estas llaves cuestan cien euros.
""".strip()

# Gender and number by hand, apart from the table.
NOUNS = {
    "ms": "libro teléfono mapa paraguas reloj bolígrafo vestido sombrero abrigo sofá coche apartamento baño "
    "poema mensaje periódico pan queso pescado pollo arroz pastel sándwich café té vino jugo gato jardín "
    "parque mercado hospital aeropuerto banco hotel restaurante museo hermano médico profesor",
    "fs": "bolsa cámara computadora llave camisa chaqueta mesa silla lámpara cama bicicleta casa cocina "
    "habitación carta historia puerta ventana caja maleta carne sopa fruta manzana naranja leche "
    "playa tienda escuela estación biblioteca iglesia oficina farmacia",
    "mp": "libros bolígrafos zapatos huevos perros gatos hermanos amigos padres niños",
    "fp": "llaves sillas cartas ventanas manzanas naranjas verduras hermanas casas",
}
DETERMINERS = {
    "ms": "el un este nuestro mi tu su ese al del",
    "fs": "la una esta nuestra mi tu su esa",
    "mp": "los estos nuestros mis tus sus esos unos",
    "fp": "las estas nuestras mis tus sus esas unas",
}
ADJECTIVES = ["pequeñ", "nuev", "viej", "car", "barat", "bonit", "roj", "blanc", "negr", "amarill"]
ENDINGS = {"ms": "o", "fs": "a", "mp": "os", "fp": "as"}

WRONG_SPANISH = [
    r"\bde el\b",
    r"\ba el\b",
    r"\bla agua\b",
    r"\bla mapa\b",
    r"\bla problema\b",
    r"\bla poema\b",
    r"\bun casa\b",
    r"\buna mapa\b",
    r"\bla sofá\b",
    r"\bmucha frío\b",
    r"\bmucho hambre\b",
    r"\bmucho sed\b",
    r"\bmucha calor\b",
    r"\bsoy (cansad|ocupad|enojad|preocupad)",
    r"\bestoy (alto|rico|famoso|joven|médico)",
    r"\byo\b.*\byo\b",
    r"\b(él|ella|Ana|Pablo) (como|comes|comen|comemos|quiero|quieres|tengo|tienes)\b",
    r"\b(él|ella|Ana|Pablo) (soy|eres|voy|vas|estoy|estás)\b",
    r"\b(ellos|ustedes) (como|come|quiere|tiene|es|va|está|habla)\b",
    r"\bme (gusta|encanta)n? (a|de)\b",
    r"(?<!me )\b(veo|llamo|ayudo|visito|conozco|espero) (Ana|Pablo|mi hermano|mi hermana|mis padres)\b",
    r"\b(gusta|encanta) (los|las)\b",
    r"\b(gustan|encantan) (el|la)\b",
    r"\bgusta mucho (los|las)\b",
    r"\b(lo|la|los|las|me|te|nos) (comer|ver|llamar|ayudar|visitar|esperar)\b",
    r"\b(\w+) \1\b",
    r"\bhay (el|la|los|las)\b",
    r"\bpor la mañana mañana\b",
    r"\btengo (soy|estoy)\b",
    r"\bcuánto (libros|sillas)\b",
    r"\ba las una\b",
]

WRONG_ENGLISH = [
    r"\ba [aeiou]",
    r"\ban [^aeiou]",
    r"^(he|she|ana|pablo|my brother|my sister) (do|don't|have|are|were|want|go|eat)\b",
    r"^(i|we|they|my parents|my friends) (does|doesn't|has|is|wants|goes|eats)\b",
    r"\b(\w+) \1\b",
    r"\b(we|they|you|my parents|my friends) (was|is|has)\b",
    r"\bdoes (i|you|we|they|my parents|my friends)\b",
    r"^do (he|she|ana|pablo|my brother|my sister)\b",
    r"\bthese (book|key|pen|chair|shirt)\b",
    r"\bthis \w+s (are|cost)\b",
    r"\b(to|not|can|can't|didn't) (eats|ate|went|bought|has|had)\b",
    r"\b(a|this) (books|keys|pens|shoes|apples|eggs)\b",
    r"\b(speak|spoke|speaking|stud\w+) the\b",
]


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_phrasebook()


@pytest.fixture(scope="module")
def pairs(splits: Splits) -> list[Pair]:
    return [*splits.train, *splits.valid, *splits.test]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return load_grammar()


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text)


def test_sizes(splits: Splits, pairs: list[Pair]) -> None:
    assert 20_000 <= len(pairs) <= 45_000
    assert 900 <= len(list(splits.valid)) <= 1_300
    assert 900 <= len(list(splits.test)) <= 1_300
    assert splits.name == "phrasebook-en-es"
    assert len(load_everyday()) >= 400


def test_expansion_is_the_same_in_every_process(pairs: list[Pair]) -> None:
    script = (
        "from hashlib import sha256; from keras_s2s.data.phrasebook import load_phrasebook;"
        "s = load_phrasebook();"
        "print(sha256(repr([*s.train, *s.valid, *s.test]).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    here = sha256(repr(pairs).encode()).hexdigest()
    assert run.stdout.strip() == here
    assert here[:16] == CHECKSUM, "The data set changed: if that was meant, retrain what was trained on it."


def test_no_pair_twice_and_one_answer_per_source(pairs: list[Pair]) -> None:
    assert len(set(pairs)) == len(pairs)
    assert len({pair.source for pair in pairs}) == len(pairs)
    answers: dict[str, set[str]] = {}
    for pair in pairs:
        answers.setdefault(bare(pair.source), set()).add(bare(pair.target))
    assert {source: found for source, found in answers.items() if len(found) > 1} == {}


@pytest.mark.parametrize("side", ["source", "target"])
def test_no_text_stands_in_two_splits(splits: Splits, side: str) -> None:
    texts = [{re.sub(r"[\W_]", "", getattr(pair, side).lower()) for pair in split} for split in parts_of(splits)]
    for one, other in combinations(texts, 2):
        assert one.isdisjoint(other)


def parts_of(splits: Splits) -> list[list[Pair]]:
    return [list(splits.train), list(splits.valid), list(splits.test)]


def test_held_out_words_are_all_seen_in_training(splits: Splits) -> None:
    for side in range(2):
        known = set(chain.from_iterable(words(pair[side] or "") for pair in splits.train))
        for pair in chain(splits.valid, splits.test):
            assert known.issuperset(words(pair[side] or "")), pair


def test_held_out_combinations_are_new_but_their_pairs_are_known(splits: Splits, grammar: Grammar) -> None:
    held_out = {pair.source for pair in chain(splits.valid, splits.test)}
    sentences = list(grammar.sentences())
    known = {
        two
        for sentence in sentences
        if sentence.source not in held_out
        for two in combinations(sorted(sentence.parts), 2)
    }
    whole = {tuple(sorted(sentence.parts)) for sentence in sentences if sentence.source not in held_out}
    for sentence in sentences:
        if sentence.source in held_out:
            assert known.issuperset(combinations(sorted(sentence.parts), 2)), sentence
            assert tuple(sorted(sentence.parts)) not in whole, sentence


def test_everyday_phrases_are_all_in_train(splits: Splits) -> None:
    assert set(load_everyday()) <= set(splits.train)


@pytest.mark.parametrize("line", EXPECTED.splitlines())
def test_spot_checks(pairs: list[Pair], line: str) -> None:
    source, target = line.split(" | ")
    assert {pair.source: pair.target for pair in pairs}.get(source) == target


def test_marks(pairs: list[Pair]) -> None:
    for pair in pairs:
        source, target, _ = pair
        for text in (source, target):
            assert text == " ".join(text.split()), pair
            assert not re.search(r" [.,?!]|[¿¡] ", text), pair
        assert target.count("¿") == target.count("?"), pair
        assert target.count("¡") == target.count("!"), pair
        assert source[-1:] in ".?!" or target[-1] not in ".?!", pair
        assert (source[-1] == "?") == (target[-1] == "?"), pair
        assert (source[-1] == "!") == (target[-1] == "!"), pair
        assert source[0].isupper() == next(filter(str.isalpha, target)).isupper(), pair


@pytest.mark.parametrize("pattern", WRONG_SPANISH)
def test_no_known_error_in_spanish(pairs: list[Pair], pattern: str) -> None:
    wrong = re.compile(pattern, re.IGNORECASE)
    assert [pair for pair in pairs if wrong.search(pair.target)] == []


@pytest.mark.parametrize("pattern", WRONG_ENGLISH)
def test_no_known_error_in_english(pairs: list[Pair], pattern: str) -> None:
    wrong = re.compile(pattern, re.IGNORECASE)
    assert [pair for pair in pairs if wrong.search(pair.source)] == []


def test_determiners_and_adjectives_agree_with_their_nouns(pairs: list[Pair]) -> None:
    agreement = {noun: key for key, nouns in NOUNS.items() for noun in nouns.split()}
    allowed = {key: set(determiners.split()) for key, determiners in DETERMINERS.items()}
    agreement["agua"], allowed["agua"] = "agua", {"el", "al", "del", "esta"}  # feminine, with el
    determiners = set.union(*allowed.values())
    adjective = re.compile(rf"({'|'.join(ADJECTIVES)})(o|a|os|as)$")
    checked = 0
    for pair in pairs:
        text = words(pair.target.lower())
        for before, noun, *after in zip(text, text[1:], [*text[2:], ""], strict=False):
            key = agreement.get(noun)
            if key is None:
                continue
            if before in determiners and before not in {"la", "los", "las"} - allowed[key] | determiners:
                continue
            if before in determiners:
                checked += 1
                assert before in allowed[key], pair
            if after and (match := adjective.match(after[0])):
                checked += 1
                assert match[2] == ENDINGS[key], pair
    assert checked > 5_000


def test_predicates_agree_with_their_nouns(pairs: list[Pair]) -> None:
    agreement = {noun: key for key, nouns in NOUNS.items() for noun in nouns.split()}
    pattern = re.compile(rf"\b(\w+) (?:no )?(es|son) (?:muy )?((?:{'|'.join(ADJECTIVES)})(o|a|os|as))\b")
    checked = 0
    for pair in pairs:
        if (match := pattern.search(pair.target.lower())) and (key := agreement.get(match[1])):
            checked += 1
            assert match[4] == ENDINGS[key], pair
            assert match[2] == ("son" if key[1] == "p" else "es"), pair
    assert checked > 200


def test_a_word_is_read_with_its_agreement() -> None:
    adjective = parse_word("red", {"es": "rojo, roja, rojos, rojas"})
    keys = parse_word("keys", {"es": "llaves", "is": "f many"})
    usted = parse_word("sir", {"es": "señor", "person": "usted"})
    verb = parse_word("eat", {"present": {"en": "eat, eat, eats", "es": "como, comes, come, comemos, comen"}})
    assert adjective.shape("", "es", keys) == "rojas"
    assert verb.shape("present", "en", usted) == "eat"
    assert verb.shape("present", "es", usted) == "come"
    with pytest.raises(phrase_grammar.MissingFormError, match="no form 'past'"):
        verb.shape("past", "es", usted)


def table(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "function_words": {"en": {}, "es": {}},
        "contractions": {"en": {}, "es": {}},
        "words": {"things": {"key": {"es": "llave"}}},
        "frames": {"plain": {"says": ["{thing}.", "{thing}."]}},
        "families": {"only": {"where": {"thing": "things"}, "frames": ["plain"]}},
    }
    return base | changes


def test_a_small_grammar_expands() -> None:
    (sentence,) = Grammar(table()).sentences()
    assert (sentence.source, sentence.target, sentence.parts) == (
        "Key.",
        "Llave.",
        ("plain.says", "thing=key"),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"frames": {"plain": {"says": ["{thing}.", "{thingy}."]}}},
            "'thingy' is neither a slot nor a function word",
        ),
        ({"frames": {"plain": {"says": ["{thing.past}.", "{thing}."]}}}, "fills nothing into"),
        (
            {"families": {"only": {"where": {"thing": "thongs"}, "frames": ["plain"]}}},
            "No group of words is called",
        ),
    ],
)
def test_faults_in_the_table_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(Grammar(table(**changes)).sentences())


def test_two_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="two answers"):
        one_answer_each([Pair("You eat.", "Comes."), Pair("you eat", "come")])


def test_a_broken_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrasebook, "read", lambda name: "Yes.\tSí.\nNo.\n")
    with pytest.raises(ValueError, match="line 2"):
        load_everyday()


def test_words_never_meet_themselves_or_their_foes() -> None:
    me = parse_word("me", {"es": "me", "not_with": ["I"]})
    i = parse_word("I", {"es": "", "person": "yo"})
    assert not phrase_grammar.compatible(me, [i])
    assert not phrase_grammar.compatible(i, [me])
    assert not phrase_grammar.compatible(i, [i])
    assert phrase_grammar.compatible(me, [parse_word("she", {"es": "ella"})])


def test_text_helpers() -> None:
    assert capitalise("¿comes pan?") == "¿Comes pan?"
    assert casual("¿Comes pan, Ana?") == "comes pan ana"
    assert bare("I'm HERE!") == "im here"
    assert 0 <= digest("x") < 1
    assert digest("x") != digest("y")


def test_grammar_words_are_words(grammar: Grammar) -> None:
    assert all(isinstance(word, Word) for group in grammar.groups.values() for word in group)
